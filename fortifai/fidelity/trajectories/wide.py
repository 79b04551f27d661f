"""Wide tables, made long: a column for each metric, or a column for each generation."""

import re
from collections.abc import Hashable, Iterable

import numpy as np
import pandas as pd

from fortifai.errors import UserError
from fortifai.fidelity.trajectories.places import place

KNOWN = frozenset(
    {"suite", "modality", "model", "regime", "strategy", "objective", "seed"}
    | {"generation", "metric", "value", "better", "null", "state", "horizon"}
)
"""Columns with a meaning of their own."""

UNNAMED = "value"
"""What the metric is called when a table with a column for each generation does not name it."""

_GENERATION = re.compile(r"(?:g|gen|generation)?[ _-]?(\d{1,9})", re.IGNORECASE)


def names_generations(names: Iterable[object]) -> bool:
    """Return whether a table says which generation its values are of: in a column, or by columns that are generations."""
    plain = [str(name).strip() for name in names]
    return any(name.casefold() == "generation" or _GENERATION.fullmatch(name) for name in plain)


def lengthen(frame: pd.DataFrame, source: str) -> tuple[pd.DataFrame, list[str]]:
    """Return a table with the columns generation, metric and value, and remarks on how it was read.

    Without ``metric`` and ``value``, every other column of numbers is a metric. Without ``generation``, columns such as ``0``,
    ``g1`` or ``generation_2`` are generations. A long table comes back as it is. An empty cell of a wide table is a value
    that was not measured, since a wide table has a cell for everything; ``nan`` or ``inf`` written out is a divergence.

    Args:
        frame: A table, long or wide, which is not changed.
        source: What errors call it.

    Raises:
        UserError: For a NaN in a data frame, which could be either, and for a column null or better beside several metrics.
    """
    if "generation" in frame and ("metric" in frame or "value" in frame):
        return frame, []
    frame = frame.astype(object)  # columns of a file whose values are shared between rows
    return (_from_metrics if "generation" in frame else _from_generations)(frame, source)


def _from_generations(frame: pd.DataFrame, source: str) -> tuple[pd.DataFrame, list[str]]:
    generations = {name: int(match[1]) for name in frame if (match := _GENERATION.fullmatch(str(name).strip()))}
    if not generations:
        return frame, []
    remarks = [
        f"read as a wide table, a column for each generation from {min(generations.values())} to {max(generations.values())}"
    ]
    if "metric" not in frame:
        frame = frame.assign(metric=UNNAMED)
        remarks.append(f"the metric has no name, and is called {UNNAMED!r}")
    long = melt(frame.drop(columns="value", errors="ignore"), generations, "generation", source)
    return long.assign(generation=long["generation"].map(generations)), remarks


def _from_metrics(frame: pd.DataFrame, source: str) -> tuple[pd.DataFrame, list[str]]:
    others = [name for name in frame if name not in KNOWN]
    metrics = [name for name in others if _has_numbers(frame[name])]
    if not metrics:
        return frame, []
    remarks = [f"read as a wide table, a column for each metric: {', '.join(map(str, metrics))}"]
    if ignored := [str(name) for name in others if name not in metrics]:
        remarks.append(f"not numbers, and ignored: {', '.join(ignored)}")
    if len(metrics) > 1 and (shared := [name for name in ("null", "better") if name in frame]):
        raise UserError(
            f"{source}: one column {' and '.join(shared)} for the metrics {', '.join(map(str, metrics))}; "
            "use a long table, or say it by metric, as in --null METRIC=VALUE"
        )
    return melt(frame, metrics, "metric", source), remarks


def _has_numbers(column: pd.Series) -> bool:
    return bool(pd.to_numeric(column, errors="coerce").notna().any())


def melt(frame: pd.DataFrame, columns: Iterable[Hashable], into: str, source: str) -> pd.DataFrame:
    """Return a row for each cell of some columns that is not empty, with the column's name in a column ``into``.

    Args:
        frame: A wide table, which is not changed; of its other columns only those with a meaning of their own stay.
        columns: The columns that hold values.
        into: Name of the column for their names.
        source: What errors call the table.

    Raises:
        UserError: For a NaN in a data frame, which may be a value that was not measured or a divergence.
    """
    labels = [place(frame.index, row) for row in range(len(frame))]
    fixed = frame[[name for name in frame if name in KNOWN and name != into]]
    parts = []
    for column in columns:
        values = frame[column].to_numpy(dtype=object)
        unclear = np.array([isinstance(value, float) and np.isnan(value) for value in values], dtype=bool)
        if unclear.any():
            raise UserError(
                f"{source}, {labels[int(unclear.argmax())]}, column {column}: a NaN in a wide table may be a value that was not "
                "measured or a divergence; leave out the first and keep the second in a long table, or write the first as ''"
            )
        part = fixed.copy()
        part[into] = pd.Series([column] * len(part), index=part.index, dtype=object)
        part["value"] = values
        part.index = pd.Index([f"{label}, column {column}" for label in labels])
        # As an array, since pandas takes an empty list for names of columns.
        parts.append(part[np.array([value is not None and str(value).strip() != "" for value in values], dtype=bool)])
    return pd.concat(parts)
