"""What a user says of the metrics beside what the data say: their null, and which way is better."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar, get_args

from fortifai.errors import UserError, did_you_mean
from fortifai.fidelity.rule import Rule
from fortifai.fidelity.trajectories.curves import MASKED_SHARE, Curve, metrics_in
from fortifai.storage import Better

T = TypeVar("T", float, Better)

DIRECTIONS = get_args(Better)


def with_null(curves: Sequence[Curve], null: float | Mapping[str, float] | None) -> tuple[Sequence[Curve], dict[str, str]]:
    """Return curves with a null in place of the data's, and a remark that says so for each metric it is of.

    Args:
        curves: Of any metrics.
        null: The metric's value for a model that has lost everything; by metric if there are several.

    Raises:
        UserError: When a null is not finite, or one number stands for several metrics.
    """
    null_by_metric = _by_metric(curves, null, "null")
    if wrong := [name for name, value in null_by_metric.items() if not math.isfinite(value)]:
        raise UserError(f"the null of {wrong[0]} must be a finite number, not {null_by_metric[wrong[0]]}")
    remarks = {}
    for name, value in null_by_metric.items():
        replaced = sorted({curve.null for curve in curves if curve.metric == name and not math.isnan(curve.null)} - {value})
        instead = f" instead of {', '.join(f'{old:.4g}' for old in replaced)}" if replaced else ""
        remarks[name] = f"null given as {value:.12g}{instead}"
    return [curve._replace(null=null_by_metric.get(curve.metric, curve.null)) for curve in curves], remarks


def with_better(curves: Sequence[Curve], better: Better | Mapping[str, Better] | None) -> Sequence[Curve]:
    """Return curves with the direction filled in where the data do not say it.

    Args:
        curves: Of any metrics.
        better: ``"lower"`` or ``"higher"``, for all metrics or by metric.

    Raises:
        UserError: For another word than lower or higher, and when the data say otherwise.
    """
    named = dict.fromkeys(_metrics(curves), better) if isinstance(better, str) else better
    directions = _by_metric(curves, named, "better")
    if wrong := [direction for direction in directions.values() if direction not in DIRECTIONS]:
        raise UserError(f"better must be lower or higher, not {wrong[0]!r}")
    for curve in curves:
        if curve.better not in (None, directions.get(curve.metric, curve.better)):
            raise UserError(f"{curve.metric}: better {directions[curve.metric]} contradicts the data")
    return [curve._replace(better=directions.get(curve.metric, curve.better)) for curve in curves]


def contradicts_direction(curves: Sequence[Curve], metric: str, rule: Rule) -> str | None:
    """Return a remark when a rule calls collapse what the metric itself calls better, or else None."""
    improving = "lower" if rule.side == "<" else "higher"
    if rule.by_fidelity or rule.centre is not None:
        return None
    if not any(curve.better == improving for curve in curves if curve.metric == metric):
        return None
    return f"{improving} {metric} is better by the data, so the rule {rule} calls an improvement a collapse"


def _metrics(curves: Sequence[Curve]) -> list[str]:
    return [name for name in metrics_in(curves) if name != MASKED_SHARE]


def _by_metric(curves: Sequence[Curve], option: T | Mapping[str, T] | None, name: str) -> Mapping[str, T]:
    """Return an option's value for each metric that it is of; one value alone is that of the only metric."""
    if option is None:
        return {}
    known = _metrics(curves)
    if not isinstance(option, Mapping):
        if len(known) > 1:
            raise UserError(f"one {name} for {len(known)} metrics: say which, as in {known[0]}={option} ({', '.join(known)})")
        return dict.fromkeys(known, option)
    if unknown := sorted(set(option) - set(known)):
        hint = f"; {nearest}" if (nearest := did_you_mean(unknown[0], known)) else ""
        raise UserError(f"{name}: unknown metric {unknown[0]!r}{hint} (in the data: {', '.join(known)})")
    return option
