"""What a user says of the metrics beside what the data say: their null, and which way is better."""

from collections.abc import Mapping
from typing import TypeVar, get_args

import numpy as np
import pandas as pd

from fortifai.errors import UserError, did_you_mean
from fortifai.fidelity.rule import Rule
from fortifai.fidelity.trajectories.tidy import MASKED_SHARE
from fortifai.storage import Better

T = TypeVar("T", float, Better)

DIRECTIONS = get_args(Better)


def with_null(table: pd.DataFrame, null: float | Mapping[str, float] | None) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return a table with a null in place of the data's, and a remark that says so for each metric it is of.

    Args:
        table: A tidy table, which is not changed.
        null: The metric's value for a model that has lost everything; by metric if the table holds several.

    Raises:
        UserError: When a null is not finite, or one number stands for several metrics.
    """
    null_by_metric = _by_metric(table, null, "null")
    if wrong := [name for name, value in null_by_metric.items() if not np.isfinite(value)]:
        raise UserError(f"the null of {wrong[0]} must be a finite number, not {null_by_metric[wrong[0]]}")
    if not null_by_metric:
        return table, {}
    remarks = {}
    table = table.copy()
    for name, value in null_by_metric.items():
        rows = table["metric"] == name
        replaced = sorted(set(table.loc[rows, "null"].dropna()) - {value})
        instead = f" instead of {', '.join(f'{old:.4g}' for old in replaced)}" if replaced else ""
        remarks[name] = f"null given as {value:.12g}{instead}"
        table.loc[rows, "null"] = value
    return table, remarks


def with_better(table: pd.DataFrame, better: Better | Mapping[str, Better] | None) -> pd.DataFrame:
    """Return a table with the direction filled in where the data do not say it.

    Args:
        table: A tidy table, which is not changed.
        better: ``"lower"`` or ``"higher"``, for all metrics or by metric.

    Raises:
        UserError: For another word than lower or higher, and when the data say otherwise.
    """
    if better is None:
        return table
    named = dict.fromkeys(_metrics(table), better) if isinstance(better, str) else better
    table = table.copy()
    for name, direction in _by_metric(table, named, "better").items():
        if direction not in DIRECTIONS:
            raise UserError(f"better must be lower or higher, not {direction!r}")
        rows = table["metric"] == name
        if table.loc[rows, "better"].isin({*DIRECTIONS} - {direction}).any():
            raise UserError(f"{name}: better {direction} contradicts the data")
        table.loc[rows, "better"] = direction
    return table


def contradicts_direction(table: pd.DataFrame, metric: str, rule: Rule) -> str | None:
    """Return a remark when a rule calls collapse what the metric itself calls better, or else None."""
    improving = "lower" if rule.side == "<" else "higher"
    if rule.by_fidelity or rule.centre is not None or not (table.loc[table["metric"] == metric, "better"] == improving).any():
        return None
    return f"{improving} {metric} is better by the data, so the rule {rule} calls an improvement a collapse"


def _metrics(table: pd.DataFrame) -> list[str]:
    return sorted(set(table["metric"]) - {MASKED_SHARE})


def _by_metric(table: pd.DataFrame, option: T | Mapping[str, T] | None, name: str) -> Mapping[str, T]:
    """Return an option's value for each metric that it is of; one value alone is that of the only metric."""
    if option is None:
        return {}
    known = _metrics(table)
    if not isinstance(option, Mapping):
        if len(known) > 1:
            raise UserError(f"one {name} for {len(known)} metrics: say which, as in {known[0]}={option} ({', '.join(known)})")
        return dict.fromkeys(known, option)
    if unknown := sorted(set(option) - set(known)):
        hint = f"; {nearest}" if (nearest := did_you_mean(unknown[0], known)) else ""
        raise UserError(f"{name}: unknown metric {unknown[0]!r}{hint} (in the data: {', '.join(known)})")
    return option
