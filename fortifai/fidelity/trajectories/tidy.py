"""Tables from outside, checked and taken apart into curves."""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from fortifai.errors import UserError
from fortifai.fidelity.onset import Floats
from fortifai.fidelity.trajectories.curves import Curve, Group, Trajectories, in_order
from fortifai.fidelity.trajectories.table import Cells, Column, Mask, Table, as_number, numbered
from fortifai.fidelity.trajectories.wide import lengthen

REQUIRED = ("objective", "generation", "metric", "value")

BLANK = frozenset({"", "nan", "na", "none", "null", "<na>"})
"""What stands for a missing number, in lower case."""

MISSING = frozenset({"nan", "none", "nat", "<na>"})
"""What the objects are called, in lower case, that stand for a missing cell in a data frame."""

DIRECTIONS = {"lower": 0.0, "higher": 1.0, None: math.nan}

LARGEST_SEED = 2**63 - 1
LARGEST_GENERATION = 10**9


def tidy(table: Table, first_generation: int = 0) -> Trajectories:
    """Return the curves of a table, which is checked.

    A wide table is made long (see `wide`). Without ``seed`` all rows are seed 0. A chain ends at its last generation, and has
    diverged when a value is missing or infinite. A null, or a direction, that stands in one row holds for all of its curve.

    Args:
        table: Any table of trajectories.
        first_generation: The generation that is counted as 0.

    Raises:
        UserError: Naming the column, or the place of the row.
    """
    table, remarks = lengthen(table)
    if absent := [name for name in REQUIRED if name not in table.columns]:
        raise UserError(f"{table.source}: no column {', '.join(absent)}; it has {', '.join(table.columns)}")
    if not len(table):
        raise UserError(f"{table.source}: no rows")
    texts = {name: _text(table, name) for name in (*Group._fields, "objective", "metric", "better")}
    for name in ("objective", "metric"):
        table.refuse(texts[name].where(lambda text: text is None), f"{name} is empty")
    table.refuse(texts["better"].where(lambda text: text not in DIRECTIONS), "better must be lower or higher")

    generations = _number(table, "generation")
    outside = generations.where(lambda number: not first_generation <= number <= LARGEST_GENERATION or number % 1 != 0)
    table.refuse(outside, f"generation must be a whole number from {first_generation} to a billion")
    generation: Floats = generations.cells - first_generation
    value: Floats = _number(table, "value").cells
    nulls = _number(table, "null") if "null" in table.columns else Column.constant(math.nan, len(table))
    table.refuse(nulls.where(math.isinf), "null must be finite")
    texts["seed"] = _seed(table)

    identity = [texts[name] for name in (*Group._fields, "objective", "seed", "metric")]
    rows = _RowsByCurve.of(numbered(identity, len(table)), generation)
    table.refuse(
        rows.repeated(generation), "a second value for the same chain, metric and generation (is a column such as seed missing?)"
    )
    null = _of_curves(table, "null", nulls.cells, rows)
    better = _of_curves(table, "better", texts["better"].each(DIRECTIONS.get).cells, rows)
    return Trajectories(in_order(_curves(texts, rows, generation, value, null, better)), remarks)


class _RowsByCurve(NamedTuple):
    """The R rows of a table by the K curves that they are of.

    ``curve``: the number of each row's curve, (R,). ``order``: the rows, ordered by curve and generation, (R,). ``starts``: where
    each curve begins in that order, (K,).
    """

    curve: NDArray[np.int64]
    order: NDArray[np.intp]
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, curve: NDArray[np.int64], generation: Floats) -> Self:
        order = np.lexsort((generation, curve))
        return cls(curve, order, np.flatnonzero(np.diff(curve[order], prepend=-1)))

    def repeated(self, generation: Floats) -> Mask:
        """Return which rows are of the same curve and generation as an earlier one, (R,)."""
        same = (np.diff(self.curve[self.order]) == 0) & (np.diff(generation[self.order]) == 0)
        repeated = np.zeros(len(self.order), dtype=bool)
        repeated[self.order[1:][same]] = True
        return repeated


def _of_curves(table: Table, name: str, numbers: Cells, rows: _RowsByCurve) -> Floats:
    """Return the number that the rows of each curve say, (K,), NaN where none does; curves whose rows differ are refused."""
    least, most = (extreme.reduceat(numbers[rows.order].astype(float), rows.starts) for extreme in (np.fmin, np.fmax))
    table.refuse((least < most)[rows.curve], f"{name} changes within a chain")
    return np.asarray(least, dtype=np.float64)


def _curves(
    texts: Mapping[str, Column], rows: _RowsByCurve, generation: Floats, value: Floats, null: Floats, better: Floats
) -> Iterator[Curve]:
    """Yield the curves; ``generation`` and ``value`` are by row, (R,), ``null`` and ``better`` by curve, (K,)."""
    generation, value = generation[rows.order], value[rows.order]
    words = {number: word for word, number in DIRECTIONS.items()}
    first = {name: column.take(rows.order[rows.starts]).cells for name, column in texts.items()}
    groups = map(Group, *(first[name] for name in Group._fields))
    ends = [*rows.starts[1:].tolist(), len(value)]
    for number, (group, start, end) in enumerate(zip(groups, rows.starts.tolist(), ends, strict=True)):
        yield Curve(
            group=group,
            objective=first["objective"][number],
            seed=first["seed"][number],
            metric=first["metric"][number],
            generation=generation[start:end],
            value=value[start:end],
            null=float(null[number]),
            better=words.get(better[number]),
            state="complete" if np.isfinite(value[start:end]).all() else "diverged",
            horizon=int(generation[end - 1]),
        )


def _text(table: Table, name: str) -> Column:
    """Return a column as text, None where it is blank or absent."""
    if name not in table.columns:
        return Column.constant(None, len(table))
    return table.columns[name].each(_as_text)


def _as_text(value: object) -> str | None:
    text = str(value)
    return None if not isinstance(value, str) and text.lower() in MISSING else text.strip() or None


def _number(table: Table, name: str) -> Column:
    """Return a column as floats, NaN where it is blank."""
    column = table.columns[name]
    if column.values.dtype in (np.float64, np.int64):
        return Column(column.values.astype(float), column.codes)
    numbers = np.array([as_number(value) for value in column.values], dtype=float)
    wrong = np.isnan(numbers) & [str(value).strip().lower() not in BLANK for value in column.values]
    if wrong.any():
        rows = wrong[column.codes]
        table.refuse(rows, f"{name} must be a number, not {str(column.cells[rows.argmax()])!r}")
    return Column(numbers, column.codes)


def _seed(table: Table) -> Column:
    """Return seeds as integers, so that 10 comes after 9; as text where one is not a whole number."""
    if "seed" not in table.columns:
        return Column.constant(0, len(table))
    texts = table.columns["seed"].each(lambda value: str(value).strip())
    is_blank = texts.where(lambda text: text.lower() in BLANK)
    if is_blank.all():
        return Column.constant(0, len(table))
    table.refuse(is_blank, "seed is empty, though other rows have one")
    whole = texts.each(_whole)
    if None in whole.values.tolist():
        return texts
    table.refuse(whole.where(lambda number: abs(number) > LARGEST_SEED), "seed must be below 2^63")
    return whole


def _whole(text: str) -> int | None:
    """Return the whole number that a text says, such as ``7``, ``7.0`` or ``7e0``, or None."""
    if "_" in text:
        return None
    try:
        return int(text)
    except ValueError:
        number = as_number(text)
    return int(number) if number % 1 == 0 else None
