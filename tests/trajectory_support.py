"""Trajectories and run folders to score, small enough to see through."""

import json
from pathlib import Path

import pandas as pd

from fortifai.records.schema import (
    ChainRecord,
    FailureRecord,
    GenerationRecord,
    NullRecord,
    SuiteDescription,
    SuiteRecord,
    TrainingRecord,
)

NULL = 1.0
REFERENCE = 0.2


def distance(*phi: float) -> list[float]:
    """Return the distances whose fidelity is ``phi``, with null 1 and a baseline that starts at 0.2."""
    return [NULL - value * (NULL - REFERENCE) for value in phi]


def frame(curves: dict[tuple[str, int], list[float]], **columns: object) -> pd.DataFrame:
    """Return a table of (objective, seed) -> values, one for each generation from 0."""
    rows = [
        {
            "objective": objective,
            "seed": seed,
            "generation": generation,
            "metric": "w1",
            "value": value,
            "null": NULL,
            "better": "lower",
        }
        for (objective, seed), values in curves.items()
        for generation, value in enumerate(values)
    ]
    return pd.DataFrame(rows).assign(**columns)


def falling(onset: float, horizon: int = 10, tau: float = 0.75) -> list[float]:
    """Return distances of a chain whose fidelity falls in a straight line from 1 through tau at ``onset``."""
    return distance(*(1 - (1 - tau) * generation / onset for generation in range(horizon + 1)))


def write_run(
    runs: Path, name: str = "quick", version: int = 1, rule: str = "phi<0.75", overrides: dict[str, object] | None = None
) -> Path:
    identity = f"{name}@{version}" + ("+abc" if overrides else "")
    run = runs / identity
    (run / "nulls").mkdir(parents=True)
    suite = SuiteDescription(name=name, version=version, rule=rule, identity=identity, overrides=overrides or {})
    (run / "suite.json").write_text(SuiteRecord(fortifai="0.1.0", suite=suite).model_dump_json())
    null = NullRecord(regime="drift", metric="w1", n=200, data_hash="d0", values=[NULL] * 3, value=NULL)
    (run / "nulls" / "drift.json").write_text(null.model_dump_json())
    return run


def record(generation: int, value: float | None, masked: float = 0.0, status: str = "ok") -> str:
    return GenerationRecord(
        generation=generation,
        status=status,
        reason=None if status == "ok" else "the loss is NaN",
        metrics={"w1": value, "tail_mass": 0.5} if status == "ok" else {},
        masked_share=masked,
        training=TrainingRecord(size=200, real=200, synthetic=0, reused=0),
        confidence={"mean": 0.5},
        seconds={"fit": 0.1},
        samples_per_second=100.0,
        peak_memory_bytes=1000,
    ).model_dump_json()


def write_chain(
    run: Path,
    objective: str,
    seed: int,
    values: list[float],
    *,
    horizon: int | None = None,
    diverged: bool = False,
    failure: str | None = None,
    masked: float = 0.0,
    torn: str = "",
    **changes: object,
) -> Path:
    suite = json.loads((run / "suite.json").read_text())["suite"]["identity"]
    last = len(values) - 1 + diverged
    fields = {
        "suite": suite,
        "modality": "tabular",
        "model": "mixture-5",
        "regime": "drift",
        "strategy": "replace",
        "objective": objective,
        "seed": seed,
        "horizon": last if horizon is None else horizon,
        "data_hash": "d0",
        "fidelity_metric": "w1",
        "better": "lower",
        "null": NULL,
        "identity": {"n": 200},
        "versions": {"python": "3.11"},
        "commit": "c0ffee",
        "hardware": {"cores": 2},
        **changes,
    }
    identifier = "-".join(
        str(fields[name]) for name in ("modality", "regime", "strategy", "objective", "seed", "data_hash")
    ).replace(":", "_")
    folder = run / identifier
    folder.mkdir()
    (folder / "chain.json").write_text(ChainRecord(id=identifier, **fields).model_dump_json())
    lines = [record(generation, value, masked) for generation, value in enumerate(values)]
    if diverged:
        lines.append(record(len(values), None, status="diverged"))
    (folder / "generations.jsonl").write_text("".join(line + "\n" for line in lines) + torn)
    if failure:
        (folder / "failure.json").write_text(FailureRecord(reason=failure, generation=len(values)).model_dump_json())
    return folder
