"""Tables that come from outside: their columns brought to the names that we know, and then checked as any table is."""

from collections.abc import Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from fortifai.errors import UserError, did_you_mean
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


def from_outside(frame: pd.DataFrame, source: str, reading: Reading = AS_IT_IS) -> pd.DataFrame:
    """Return a table from outside as a tidy table (see `fortifai.fidelity.trajectories.tidy`), with remarks on how it was read.

    Rows that repeat another row in every column are dropped. Names of columns are forgiven letter case and spaces around them.
    ``reading.generation_zero`` is not looked at.

    Args:
        frame: Any table of trajectories, which is not changed.
        source: What errors call it.
        reading: What the user said of it.

    Raises:
        UserError: Naming the column, or the row by its index label.
    """
    if doubled := frame.columns[frame.columns.duplicated()].tolist():
        raise UserError(f"{source}: the column {doubled[0]!r} is there twice")
    frame, remarks = _renamed(frame, source, reading.columns)
    frame = frame.drop(columns=[name for name in INTERNAL if name in frame])
    repeated = _repeated(frame)
    if count := int(repeated.sum()):
        frame = frame[~repeated]
        remarks.append(f"{count} {'row that repeats' if count == 1 else 'rows that repeat'} another exactly dropped")
    if is_chart(frame):
        frame, of_chart = long_chart(frame, source, reading.run_name)
        remarks += of_chart
    elif reading.run_name is not None:
        raise UserError(f"{source}: --run-name is for charts of Weights & Biases, and it is none: no column ends in __MIN")
    if reading.first_generation:
        remarks.append(f"generation {reading.first_generation} is counted as 0")
    table = tidy(frame, source, first_generation=reading.first_generation)
    table.attrs["remarks"] = [*remarks, *table.attrs["remarks"]]
    return table


def _renamed(frame: pd.DataFrame, source: str, columns: Mapping[str, str]) -> tuple[pd.DataFrame, list[str]]:
    """Return a table with the names of columns that we know, and remarks on those that were called otherwise."""
    known = sorted(KNOWN - set(INTERNAL))
    names: dict[Hashable, str] = {}
    for ours, theirs in columns.items():
        if ours not in known:
            hint = f"; {nearest}" if (nearest := did_you_mean(ours, known)) else ""
            raise UserError(f"no column is called {ours!r} here{hint} (there are {', '.join(known)})")
        if theirs not in frame:
            there = [str(name) for name in frame.columns]
            hint = f"; {nearest}" if (nearest := did_you_mean(theirs, there)) else ""
            raise UserError(f"{source}: no column {theirs!r} to read as {ours}{hint} (it has {', '.join(there)})")
        names[theirs] = ours
    # What a named column stands in for is not read under its own name.
    frame = frame.drop(
        columns=[ours for ours, theirs in columns.items() if ours in frame and ours != theirs and ours not in names]
    )
    for ours in known:
        if ours in frame or ours in columns:
            continue
        alike = [name for name in frame if str(name).strip().casefold() == ours and name not in names]
        if len(alike) > 1:
            raise UserError(f"{source}: the columns {' and '.join(repr(name) for name in alike)} could both be {ours}")
        names |= dict.fromkeys(alike, ours)
    remarks = [f"column {theirs!r} read as {ours}" for theirs, ours in names.items() if theirs != ours]
    return frame.rename(columns=names), remarks


def _repeated(frame: pd.DataFrame) -> "pd.Series[bool]":
    """Return which rows are the same as an earlier one in every column, (rows,); a value is the same with other digits too."""
    if "value" in frame and frame["value"].dtype == object:
        with suppress(TypeError, ValueError):
            frame = frame.assign(value=[float(value) for value in frame["value"]])
    try:
        return frame.duplicated()
    except TypeError:  # a column holds lists or other things that cannot be compared by hash
        return frame.map(str).duplicated()
