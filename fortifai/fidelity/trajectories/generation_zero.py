"""A generation 0 that lies in another file than the series that it belongs to."""

import math
from collections.abc import Sequence

import numpy as np

from fortifai.errors import UserError
from fortifai.fidelity.remarks import counted
from fortifai.fidelity.trajectories.curves import Curve, Group, Trajectories

ALL_OBJECTIVES = "*"
"""What stands in place of an objective where one generation 0 is that of all objectives of the same group and seed."""

_Key = tuple[Group, str, str, str]
"""Group, objective, seed as text and metric."""


def with_generation_zero(series: Trajectories, zero: Sequence[Curve], source: str) -> Trajectories:
    """Return series with the generation 0 that another file holds of them.

    A start belongs to the curve of the same group, objective, seed and metric; one whose objective is ``*`` to those of all
    objectives.

    Args:
        series: The series.
        zero: What the other file holds.
        source: What errors call the latter.

    Raises:
        UserError: When that file holds other generations, none that belongs to a series or two that belong to the same, and
            when null or direction of the two files differ.
    """
    if later := [generation for start in zero for generation in start.generation.tolist() if generation]:
        raise UserError(f"{source}: holds generation {later[0]:.0f}, and should hold generation 0 alone")
    starts = {_key(start, start.objective): start for start in zero}
    joined, used = list[Curve](), list[_Key]()
    for curve in series.curves:
        found = [key for name in (curve.objective, ALL_OBJECTIVES) if (key := _key(curve, name)) in starts]
        if found and (len(found) > 1 or curve.generation[0] == 0):
            raise UserError(f"{source}: a second generation 0 for {curve.objective}, seed {curve.seed}, metric {curve.metric}")
        joined.append(_joined(curve, starts[found[0]], source) if found else curve)
        used += found
    if not used:
        raise UserError(f"{source}: no row of it is of the same {_differing(series.curves, zero)} as a series")
    remarks = [f"generation 0 of {len(used)} series from {source}"]
    if unused := len(starts.keys() - used):
        remarks.append(f"{counted(unused, 'row')} of {source} belong{'s' if unused == 1 else ''} to no series")
    return Trajectories(joined, [*series.remarks, *remarks])


def _key(curve: Curve, objective: str) -> _Key:
    # Seeds are numbers in one file and may be text in the other.
    return curve.group, objective, str(curve.seed), curve.metric


def _joined(curve: Curve, start: Curve, source: str) -> Curve:
    """Return a curve that begins with a start from another file."""
    null = start.null if math.isnan(curve.null) else curve.null
    better = curve.better or start.better
    for name, own, other in (("null", null, start.null), ("better", better, start.better)):
        if other is not None and other == other and own != other:
            raise UserError(f"{source}: {name} is {other}, and {own} in the series of {curve.objective}")
    return curve._replace(
        generation=np.concatenate([start.generation, curve.generation]),
        value=np.concatenate([start.value, curve.value]),
        null=null,
        better=better,
        state=curve.state if np.isfinite(start.value[0]) else "diverged",
    )


def _differing(curves: Sequence[Curve], zero: Sequence[Curve]) -> str:
    """Return the columns in which two files have no value in common, or all that have to be the same."""
    names = (*Group._fields, "objective", "seed", "metric")
    own, other = ([(*each.group, each.objective, str(each.seed), each.metric) for each in side] for side in (curves, zero))
    columns = zip(names, zip(*own, strict=True), zip(*other, strict=True), strict=True)
    apart = [name for name, of_curves, of_zero in columns if {*of_curves}.isdisjoint(of_zero)]
    if any(start.objective == ALL_OBJECTIVES for start in zero):
        apart = [name for name in apart if name != "objective"]
    return ", ".join(apart) or "group, objective, seed and metric"
