"""The tidy table of trajectories that everything is scored from, and the checks on one that comes from outside.

One row for each chain, metric and generation. Columns: suite, modality, model, regime, strategy (text or missing), objective,
seed, generation, metric, value, better ("lower", "higher" or missing), null (D_null or NaN), state ("complete", "diverged"
or "incomplete") and horizon (last generation asked for).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fortifai.errors import UserError
from fortifai.fidelity.trajectories.places import place
from fortifai.fidelity.trajectories.wide import lengthen

GROUP = ["suite", "modality", "model", "regime", "strategy"]
"""What chains must share to be compared."""

CHAIN = [*GROUP, "objective", "seed"]
"""What tells one chain from another."""

REQUIRED = ["objective", "generation", "metric", "value"]
COLUMNS = [*CHAIN, "generation", "metric", "value", "better", "null", "state", "horizon"]

MASKED_SHARE = "masked_share"
"""Name of the metric that holds the share of elements which the objective masked."""

BLANK = frozenset({"", "nan", "na", "none", "null", "<na>"})
"""What stands for a missing number, in lower case."""


LARGEST_SEED = 2**63 - 1
LARGEST_GENERATION = 10**9


def tidy(frame: pd.DataFrame, source: str = "the table", *, first_generation: int = 0) -> pd.DataFrame:
    """Return a table of trajectories as a tidy table: checked, and with the columns that it leaves out filled in.

    A wide table is made long (see `wide`); the remarks on that are in ``attrs["remarks"]``. Without ``seed`` all rows are
    seed 0. Without ``state`` and ``horizon``, which only run folders know, a chain ends at its last generation, and has diverged
    when a value is missing or infinite.

    Args:
        frame: Any table of trajectories, which is not changed.
        source: What errors call it.
        first_generation: The generation that is counted as 0.

    Raises:
        UserError: Naming the column, or the row by its index label.
    """
    frame, remarks = lengthen(frame, source)
    if absent := [name for name in REQUIRED if name not in frame]:
        raise UserError(f"{source}: no column {', '.join(absent)}; it has {', '.join(map(str, frame.columns))}")
    if frame.empty:
        raise UserError(f"{source}: no rows")
    places = _Places(source, frame.index)
    frame = frame.reset_index(drop=True)
    table = pd.DataFrame({name: _text(frame, name) for name in [*GROUP, "objective", "metric", "better"]})
    for name in ("objective", "metric"):
        places.refuse(table[name].isna(), f"{name} is empty")
    places.refuse(~table["better"].isin(["lower", "higher", None]), "better must be lower or higher")

    generation = _number(frame, "generation", places)
    outside = ~(generation >= first_generation) | (generation % 1 != 0) | (generation > LARGEST_GENERATION)
    places.refuse(outside, f"generation must be a whole number from {first_generation} to a billion")
    table["generation"] = generation.astype(int) - first_generation
    table["value"] = _number(frame, "value", places)
    table["null"] = _number(frame, "null", places) if "null" in frame else np.nan
    places.refuse(np.isinf(table["null"]), "null must be finite")
    table["seed"] = _seed(frame, places)

    curve = table.groupby([*CHAIN, "metric"], dropna=False, sort=False).ngroup()
    twice = pd.DataFrame({"curve": curve, "generation": table["generation"]}).duplicated()
    places.refuse(twice, "a second value for the same chain, metric and generation (is a column such as seed missing?)")
    for name in ("null", "better"):
        places.refuse(_changes(table[name], curve), f"{name} changes within a chain")
    if "state" in frame and "horizon" in frame:
        table["state"], table["horizon"] = frame["state"], frame["horizon"]
    else:
        lost = np.zeros(int(curve.max()) + 1, dtype=bool)
        lost[curve[~np.isfinite(table["value"])]] = True
        table["state"] = np.array(["complete", "diverged"], dtype=object)[lost[curve].astype(int)]
        table["horizon"] = table["generation"].groupby(curve).transform("max")
    table = table[COLUMNS]
    table.attrs["remarks"] = remarks
    return table


@dataclass(frozen=True)
class _Places:
    """Where the rows of a table stand in what it was read from."""

    source: str
    index: "pd.Index[str] | pd.Index[int]"

    def refuse(self, wrong: "pd.Series[bool]", problem: str) -> None:
        """Raise UserError with the place of the first wrong row and the number of the others."""
        if wrong.any():
            rows = np.flatnonzero(wrong)
            more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
            raise UserError(f"{self.source}, {place(self.index, int(rows[0]))}: {problem}{more}")


def _changes(values: pd.Series, curve: "pd.Series[int]") -> "pd.Series[bool]":
    """Return which rows are of a curve with more than one value that is not missing, (rows,)."""
    if values.nunique() < 2:
        return pd.Series(False, index=values.index)
    return values.groupby(curve).transform("nunique") > 1


def _text(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return a column as text, None where it is blank or absent."""
    if name not in frame:
        return pd.Series([None] * len(frame), dtype=object)
    plain: dict[str, str | None] = {}

    def text(value: Any) -> str | None:
        written = value if isinstance(value, str) else "" if pd.isna(value) else str(value)
        if written not in plain:
            plain[written] = written.strip() or None
        return plain[written]

    return pd.Series(_of_each(frame[name], text, None), dtype=object)


def _number(frame: pd.DataFrame, name: str, places: _Places) -> "pd.Series[float]":
    """Return a column as floats, NaN where it is blank."""
    values = frame[name]
    if values.dtype in (np.dtype(np.float64), np.dtype(np.int64)):
        return values.astype(float)
    # Python's float, because pandas before 3 misses the nearest one in the last bit; a float32 by its shortest digits.
    numbers = pd.Series(_of_each(values, _float, math.nan), dtype=float)
    if (missing := numbers.isna()).any():
        wrong = missing & ~pd.Series(_of_each(values, _is_blank, True), dtype=bool)
        places.refuse(wrong, f"{name} must be a number, not {str(values[wrong].iloc[0]) if wrong.any() else ''!r}")
    return numbers


def _of_each(values: pd.Series, function: Callable[[Any], object], missing: object) -> "np.ndarray[Any, np.dtype[np.object_]]":
    """Return what a function makes of each value, (rows,); where values are shared between rows, once for each of them."""
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return _objects([function(value) for value in values])
    return _objects([*(function(value) for value in values.cat.categories), missing])[values.cat.codes]


def _objects(values: list[object]) -> "np.ndarray[Any, np.dtype[np.object_]]":
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _is_blank(value: object) -> bool:
    return str(value).strip().lower() in BLANK


def _float(value: object) -> float:
    text = value if isinstance(value, str) else str(value)
    try:
        return math.nan if "_" in text else float(text)  # Python takes 1_0 for 10, and nobody else does
    except ValueError:
        return math.nan


def _seed(frame: pd.DataFrame, places: _Places) -> pd.Series:
    """Return seeds as integers, so that 10 comes after 9; as text where one is not a whole number."""
    if "seed" not in frame:
        return pd.Series(0, index=frame.index)
    codes, texts = pd.factorize(_of_each(frame["seed"], lambda value: str(value).strip(), "nan"))
    blank = np.array([text.lower() in BLANK for text in texts], dtype=bool)
    if blank.all():
        return pd.Series(0, index=frame.index)
    places.refuse(pd.Series(blank[codes]), "seed is empty, though other rows have one")
    whole = [_whole(text) for text in texts]
    if any(number is None for number in whole):
        return pd.Series(texts[codes], dtype=object)
    too_large = np.array([not -LARGEST_SEED <= (number or 0) <= LARGEST_SEED for number in whole])
    places.refuse(pd.Series(too_large[codes]), "seed must be below 2^63")
    return pd.Series(np.array(whole, dtype=np.int64)[codes])


def _whole(text: str) -> int | None:
    """Return the whole number that a text says, such as ``7``, ``7.0`` or ``7e0``, or None."""
    if "_" in text:
        return None
    try:
        return int(text)
    except ValueError:
        number = _float(text)
    return int(number) if number % 1 == 0 else None
