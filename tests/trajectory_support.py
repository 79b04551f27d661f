"""Trajectories and run folders to score, small enough to see through."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from fortifai.fidelity.trajectories.curves import Group, Trajectories
from fortifai.records.hashing import identity_hash, seal
from fortifai.records.schema import (
    ChainRecord,
    FailureRecord,
    GenerationRecord,
    Manifest,
    NullRecord,
    SuiteDescription,
    SuiteRecord,
    TrainingRecord,
)
from fortifai.sanitise import run_name

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


def as_rows(trajectories: Trajectories) -> pd.DataFrame:
    """Return a row for each generation of each curve, to look at."""
    curves = [curve._asdict() | curve.group._asdict() for curve in trajectories.curves]
    columns = [*Group._fields, "objective", "seed", "metric", "generation", "value", "null", "better", "state", "horizon"]
    return pd.DataFrame(curves, columns=columns).explode(["generation", "value"], ignore_index=True)


def falling(onset: float, horizon: int = 10, tau: float = 0.75) -> list[float]:
    """Return distances of a chain whose fidelity falls in a straight line from 1 through tau at ``onset``."""
    return distance(*(1 - (1 - tau) * generation / onset for generation in range(horizon + 1)))


def write_run(
    runs: Path, name: str = "quick", version: int = 1, rule: str = "phi<0.75", overrides: dict[str, object] | None = None
) -> Path:
    identity = run_name(name, version, overrides or {})
    run = runs / identity
    (run / "nulls").mkdir(parents=True)
    suite = SuiteDescription(name=name, version=version, rule=rule, identity=identity, overrides=overrides or {})
    SuiteRecord(fortifai="0.1.0", suite=suite).write(run / "suite.json")
    Manifest(chains=[]).write(run / "manifest.json")
    write_null(run)
    return run


def write_null(run: Path, regime: str = "drift", metric: str = "w1", value: float = NULL, data_hash: str = "d0") -> None:
    null = NullRecord(regime=regime, metric=metric, n=200, data_hash=data_hash, values=[value] * 3, value=value)
    null.write(run / "nulls" / f"{regime}.json")


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
        "versions": {"python": "3.11"},
        "commit": "c0ffee",
        "hardware": {"cores": 2},
        **changes,
    }
    fields["identity"] = identity_of(fields)
    identifier = identity_hash(fields["identity"])
    folder = run / identifier
    folder.mkdir()
    ChainRecord(id=identifier, **fields).write(folder / "chain.json")
    if fields["null"] is not None:
        write_null(run, fields["regime"], fields["fidelity_metric"], fields["null"], fields["data_hash"])
    lines = [record(generation, value, masked) for generation, value in enumerate(values)]
    if diverged:
        lines.append(record(len(values), None, status="diverged"))
    (folder / "generations.jsonl").write_text(sealed(lines, identifier) + torn)
    if failure:
        FailureRecord(reason=failure, generation=len(values)).write(folder / "failure.json")
    return folder


def identity_of(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the identity of a chain of these fields, with what a test says of it."""
    regime = {"name": fields["regime"], "modality": fields["modality"], "fidelity_metric": fields["fidelity_metric"]}
    plain = {name: fields[name] for name in ("strategy", "objective", "seed", "data_hash")}
    return {"n": 200, "regime": regime, **plain, **{k: v for k, v in fields.get("identity", {}).items() if k != "objective"}}


def sealed(lines: Iterable[str], identifier: str) -> str:
    """Return records as the lines of a file, each with its hash."""
    text, previous = "", identifier
    for line in lines:
        plain = {key: value for key, value in json.loads(line).items() if key != "hash"}
        written, previous = seal(json.dumps(plain, separators=(",", ":")), previous)
        text += f"{written}\n"
    return text
