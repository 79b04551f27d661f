"""Tables that come from outside: their columns brought to the names that we know, and then checked as any table is."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from fortifai.errors import UserError, did_you_mean
from fortifai.fidelity.trajectories.curves import Trajectories
from fortifai.fidelity.trajectories.table import Mask, Table, numbered
from fortifai.fidelity.trajectories.tidy import tidy
from fortifai.fidelity.trajectories.wandb import is_chart, long_chart
from fortifai.fidelity.trajectories.wide import KNOWN

INTERNAL = ("state", "horizon")
"""What only a run folder knows of its chains. Columns of a user's table that are called so are ignored, as any others."""


@dataclass(frozen=True)
class Reading:
    """How a table from outside is to be read.

    Attributes:
        columns: The user's name of a column by ours, such as ``{"objective": "Setting"}``.
        first_generation: The generation that is counted as 0.
        run_name: What the names of runs in a chart of Weights & Biases are made of, such as ``"{objective}-{seed}"``.
        generation_zero: The file that generation 0 lies in, where it is another one.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    first_generation: int = 0
    run_name: str | None = None
    generation_zero: str | Path | None = None


AS_IT_IS = Reading()


def from_outside(table: Table, reading: Reading = AS_IT_IS) -> Trajectories:
    """Return the curves of a table from outside, with remarks on how it was read.

    Rows that repeat another row in every column are dropped. Names of columns are forgiven letter case and spaces around them.
    ``reading.generation_zero`` is not looked at.

    Args:
        table: Any table of trajectories.
        reading: What the user said of it.

    Raises:
        UserError: Naming the column, or the place of the row.
    """
    table, remarks = _renamed(table, reading.columns)
    table = table.without(*INTERNAL)
    repeated = _repeated(table)
    if count := int(np.count_nonzero(repeated)):
        table = table.take(~repeated)
        remarks.append(f"{count} {'row that repeats' if count == 1 else 'rows that repeat'} another exactly dropped")
    if is_chart(table.columns):
        table, of_chart = long_chart(table, reading.run_name)
        remarks += of_chart
    elif reading.run_name is not None:
        raise UserError(f"{table.source}: --run-name is for charts of Weights & Biases, and it is none: no column ends in __MIN")
    if reading.first_generation:
        remarks.append(f"generation {reading.first_generation} is counted as 0")
    read = tidy(table, reading.first_generation)
    return replace(read, remarks=[*remarks, *read.remarks])


def _renamed(table: Table, columns: Mapping[str, str]) -> tuple[Table, list[str]]:
    """Return a table with the names of columns that we know, and remarks on those that were called otherwise."""
    known, there = sorted(KNOWN - set(INTERNAL)), list(table.columns)
    names: dict[str, str] = {}
    for ours, theirs in columns.items():
        if ours not in known:
            hint = f"; {nearest}" if (nearest := did_you_mean(ours, known)) else ""
            raise UserError(f"no column is called {ours!r} here{hint} (there are {', '.join(known)})")
        if theirs not in there:
            hint = f"; {nearest}" if (nearest := did_you_mean(theirs, there)) else ""
            raise UserError(f"{table.source}: no column {theirs!r} to read as {ours}{hint} (it has {', '.join(there)})")
        names[theirs] = ours
    # What a named column stands in for is not read under its own name.
    table = table.without(*(ours for ours, theirs in columns.items() if ours != theirs and ours not in names))
    for ours in known:
        if ours in table.columns or ours in columns:
            continue
        alike = [name for name in table.columns if name.strip().casefold() == ours and name not in names]
        if len(alike) > 1:
            raise UserError(f"{table.source}: the columns {' and '.join(map(repr, alike))} could both be {ours}")
        names |= dict.fromkeys(alike, ours)
    remarks = [f"column {theirs!r} read as {ours}" for theirs, ours in names.items() if theirs != ours]
    return replace(table, columns={names.get(name, name): column for name, column in table.columns.items()}), remarks


def _repeated(table: Table) -> Mask:
    """Return which rows are the same as an earlier one in every column, (R,); a value is the same with other digits too."""
    columns = dict(table.columns)
    if "value" in columns and columns["value"].values.dtype == object:
        with suppress(TypeError, ValueError):
            columns["value"] = columns["value"].each(float)
    number = numbered(columns.values(), len(table))
    if number.max(initial=-1) + 1 == len(table):
        return np.zeros(len(table), dtype=bool)
    repeated = np.ones(len(table), dtype=bool)
    repeated[np.unique(number, return_index=True)[1]] = False
    return repeated
