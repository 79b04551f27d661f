"""The tidy table of trajectories that everything is scored from, and the checks on one that comes from outside.

One row for each chain, metric and generation. Columns: suite, modality, model, regime, strategy (text or missing), objective,
seed, generation, metric, value, better ("lower", "higher" or missing), null (D_null or NaN), state ("complete", "diverged"
or "incomplete") and horizon (last generation asked for).
"""

import numpy as np
import pandas as pd

from fortifai.errors import UserError
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


def tidy(frame: pd.DataFrame, source: str = "the table") -> pd.DataFrame:
    """Return a table of trajectories as a tidy table: checked, and with the columns that it leaves out filled in.

    A wide table is made long (see `wide`); the remarks on that are in ``attrs["remarks"]``. Without ``seed`` all rows are
    seed 0. Without ``state`` and ``horizon``, a chain ends at its last generation, and has diverged when a value is missing or
    infinite.

    Args:
        frame: Any table of trajectories, which is not changed.
        source: What errors call it.

    Raises:
        UserError: Naming the column, or the row by its index label.
    """
    frame, remarks = lengthen(frame, source)
    if absent := [name for name in REQUIRED if name not in frame]:
        raise UserError(f"{source}: no column {', '.join(absent)}; it has {', '.join(map(str, frame.columns))}")
    if frame.empty:
        raise UserError(f"{source}: no rows")
    labels = [label if isinstance(label, str) else f"row {label}" for label in frame.index]
    frame = frame.reset_index(drop=True)
    table = pd.DataFrame({name: _text(frame, name) for name in [*GROUP, "objective", "metric", "better"]})
    for name in ("objective", "metric"):
        _refuse(table[name].isna(), f"{name} is empty", source, labels)
    _refuse(~table["better"].isin(["lower", "higher", None]), "better must be lower or higher", source, labels)

    generation = _number(frame, "generation", source, labels)
    _refuse(~(generation >= 0) | (generation % 1 != 0), "generation must be a whole number from 0", source, labels)
    table["generation"] = generation.astype(int)
    table["value"] = _number(frame, "value", source, labels)
    table["null"] = _number(frame, "null", source, labels) if "null" in frame else np.nan
    _refuse(np.isinf(table["null"]), "null must be finite", source, labels)
    table["seed"] = _seed(frame)

    curve = [*CHAIN, "metric"]
    twice = table.duplicated([*curve, "generation"])
    _refuse(twice, "a second value for the same chain, metric and generation (is a column such as seed missing?)", source, labels)
    curves = table.groupby(curve, dropna=False)
    for name in ("null", "better"):
        _refuse(curves[name].transform("nunique") > 1, f"{name} changes within a chain", source, labels)
    if "state" in frame and "horizon" in frame:
        table["state"], table["horizon"] = frame["state"], frame["horizon"]
    else:
        lost = ~np.isfinite(table["value"])
        table["state"] = lost.groupby([table[name] for name in curve], dropna=False).transform("any").map(_ENDED)
        table["horizon"] = curves["generation"].transform("max")
    table = table[COLUMNS]
    table.attrs["remarks"] = remarks
    return table


_ENDED = {True: "diverged", False: "complete"}


def _text(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return a column as text, None where it is blank or absent."""
    values = frame[name] if name in frame else [None] * len(frame)
    plain = [None if pd.isna(value) or not str(value).strip() else str(value).strip() for value in values]
    return pd.Series(plain, dtype=object)


def _number(frame: pd.DataFrame, name: str, source: str, labels: list[str]) -> "pd.Series[float]":
    """Return a column as floats, NaN where it is blank."""
    values = frame[name]
    # Python's float, because pandas before 3 misses the nearest one in the last bit.
    numbers = values.map(_float).astype(float)
    wrong = numbers.isna() & ~values.map(str).str.strip().str.lower().isin(BLANK)
    _refuse(wrong, f"{name} must be a number, not {str(values[wrong].iloc[0]) if wrong.any() else ''!r}", source, labels)
    return numbers


def _seed(frame: pd.DataFrame) -> pd.Series:
    """Return seeds as integers, so that 10 comes after 9; as text where one is not a number."""
    if "seed" not in frame:
        return pd.Series(0, index=frame.index)
    numbers = pd.to_numeric(frame["seed"], errors="coerce")
    whole = bool((numbers % 1 == 0).all())
    return numbers.astype(int) if whole else frame["seed"].astype(str).str.strip()


def _float(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return float("nan")


def _refuse(wrong: "pd.Series[bool]", problem: str, source: str, labels: list[str]) -> None:
    """Raise UserError with the label of the first wrong row and the number of the others."""
    if wrong.any():
        rows = np.flatnonzero(wrong)
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        raise UserError(f"{source}, {labels[rows[0]]}: {problem}{more}")
