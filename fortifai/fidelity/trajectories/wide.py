"""Wide tables, made long: a column for each metric, or a column for each generation."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from fortifai.errors import UserError
from fortifai.fidelity.trajectories.table import Column, Table, as_number, as_objects

KNOWN = frozenset(
    {"suite", "modality", "model", "regime", "strategy", "objective", "seed"}
    | {"generation", "metric", "value", "better", "null", "state", "horizon"}
)
"""Columns with a meaning of their own."""

UNNAMED = "value"
"""What the metric is called when a table with a column for each generation does not name it."""

_GENERATION = re.compile(r"(?:g|gen|generation)?[ _-]?(\d{1,9})", re.IGNORECASE)


def names_generations(names: Iterable[str]) -> bool:
    """Return whether a table says which generation its values are of: in a column, or by columns that are generations."""
    plain = [name.strip() for name in names]
    return any(name.casefold() == "generation" or _GENERATION.fullmatch(name) for name in plain)


def lengthen(table: Table) -> tuple[Table, list[str]]:
    """Return a table with the columns generation, metric and value, and remarks on how it was read.

    Without ``metric`` and ``value``, every other column of numbers is a metric. Without ``generation``, columns such as ``0``,
    ``g1`` or ``generation_2`` are generations. A long table comes back as it is. An empty cell of a wide table is a value
    that was not measured, since a wide table has a cell for everything; ``nan`` or ``inf`` written out is a divergence.

    Raises:
        UserError: For a NaN in a data frame, which could be either, and for a column null or better beside several metrics.
    """
    if "generation" not in table.columns:
        return _from_generations(table)
    return (table, []) if {"metric", "value"} & {*table.columns} else _from_metrics(table)


def _from_generations(table: Table) -> tuple[Table, list[str]]:
    generations = {name: int(match[1]) for name in table.columns if (match := _GENERATION.fullmatch(name.strip()))}
    if not generations:
        return table, []
    remarks = [
        f"read as a wide table, a column for each generation from {min(generations.values())} to {max(generations.values())}"
    ]
    if "metric" not in table.columns:
        table = table.assign(metric=Column.constant(UNNAMED, len(table)))
        remarks.append(f"the metric has no name, and is called {UNNAMED!r}")
    long = melt(table.without("value"), list(generations), "generation")
    return long.assign(generation=long.columns["generation"].each(generations.get)), remarks


def _from_metrics(table: Table) -> tuple[Table, list[str]]:
    others = [name for name in table.columns if name not in KNOWN]
    metrics = [name for name in others if any(not math.isnan(as_number(value)) for value in table.columns[name].values)]
    if not metrics:
        return table, []
    remarks = [f"read as a wide table, a column for each metric: {', '.join(metrics)}"]
    if ignored := [name for name in others if name not in metrics]:
        remarks.append(f"not numbers, and ignored: {', '.join(ignored)}")
    if len(metrics) > 1 and (shared := [name for name in ("null", "better") if name in table.columns]):
        raise UserError(
            f"{table.source}: one column {' and '.join(shared)} for the metrics {', '.join(metrics)}; "
            "use a long table, or say it by metric, as in --null METRIC=VALUE"
        )
    return melt(table, metrics, "metric"), remarks


def melt(table: Table, columns: Sequence[str], into: str) -> Table:
    """Return a row for each cell of some columns that is not empty, with the column's name in a column ``into``.

    Args:
        table: A wide table; of its other columns only those with a meaning of their own stay.
        columns: The columns that hold values.
        into: Name of the column for their names.

    Raises:
        UserError: For a NaN in a data frame, which may be a value that was not measured or a divergence.
    """
    for name in columns:
        unclear = table.columns[name].where(lambda value: not isinstance(value, str) and str(value) == "nan")
        if unclear.any():
            raise UserError(
                f"{table.source}, {table.place(int(unclear.argmax()))}, column {name}: a NaN in a wide table may be a value that "
                "was not measured or a divergence; leave out the first and keep the second in a long table, or write the first "
                "as ''"
            )
    measured = [np.flatnonzero(~table.columns[name].where(_is_empty)) for name in columns]  # the rows of each
    rows = np.concatenate(measured)
    which = np.repeat(np.arange(len(columns)), [own.size for own in measured])
    names = Column(as_objects(columns), np.arange(len(columns))).take(which)
    values = Column.of(cell for name, own in zip(columns, measured, strict=True) for cell in table.columns[name].cells[own])
    fixed = {name: column.take(rows) for name, column in table.columns.items() if name in KNOWN}
    places = [f"{table.place(row)}, column {name}" for row, name in zip(rows.tolist(), names.cells, strict=True)]
    return replace(table, columns=fixed | {into: names, "value": values}, places=as_objects(places))


def _is_empty(value: object) -> bool:
    return value is None or str(value).strip() == ""
