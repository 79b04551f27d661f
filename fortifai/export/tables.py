"""The numbers of a run as two tables: what was measured of every generation, and what every chain is."""

import json
from typing import Any

import pandas as pd

from fortifai.records.numbers import ChainNumbers, RunNumbers

NAMES = ("regime", "modality", "model", "strategy", "objective", "seed")
"""What a chain is known by: the first columns of both tables."""

TABLES = ("metrics", "notes", "seconds", "training")
"""Fields of a record that are numbers by name; their columns have it in front, such as ``metrics.frechet``."""


def generations_of(numbers: RunNumbers) -> pd.DataFrame:
    """Return a row for every generation of every chain, a column for each quantity; empty where it was not measured."""
    rows: list[dict[str, Any]] = []
    for chain in ordered(numbers):
        known = {**{name: getattr(chain, name) for name in NAMES}, "chain": chain.id}
        rows += [{**known, "generation": g, **scalars_of(chain, g)} for g in range(len(chain.generations))]
    frame = pd.DataFrame(rows)
    quantities = sorted(frame.columns.difference([*NAMES, "chain", "generation"]))
    return frame[[*NAMES, "chain", "generation", *quantities]].astype(dict.fromkeys(quantities, "float64"))


def chains_of(numbers: RunNumbers) -> pd.DataFrame:
    """Return a row for every chain: what it is, how it ended, the null, and with what it was run, as JSON."""
    rows = []
    for chain in ordered(numbers):
        machine = numbers.machines[chain.machine]
        rows.append(
            {
                **{name: getattr(chain, name) for name in NAMES},
                "chain": chain.id,
                **{name: getattr(chain, name) for name in ("horizon", "state", "reason", "fidelity_metric", "better", "null")},
                "generations": len(chain.generations),
                "head": chain.head,
                "data_hash": chain.data_hash,
                "commit": machine.commit,
                "versions": _json(machine.versions),
                "hardware": _json(machine.hardware),
                "identity": _json(numbers.identity(chain)),
            }
        )
    return pd.DataFrame(rows)


def scalars_of(chain: ChainNumbers, generation: int) -> dict[str, float]:
    """Return what was measured of one generation, by the name of its column; what is not defined is left out."""
    columns = chain.generations
    values: dict[str, float | int | None] = {
        "masked_share": columns.masked_share[generation],
        "peak_memory_bytes": columns.peak_memory_bytes[generation],
    }
    for table in TABLES:
        values |= {f"{table}.{name}": column[generation] for name, column in getattr(columns, table).items()}
    return {name: float(value) for name, value in values.items() if value is not None}


def ordered(numbers: RunNumbers) -> list[ChainNumbers]:
    """Return the chains by what they are known by, and not by their hashes."""
    return sorted(numbers.chains, key=lambda chain: (chain.regime, chain.strategy, chain.objective, chain.seed))


def _json(content: object) -> str:
    return json.dumps(content, sort_keys=True)
