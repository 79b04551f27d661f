"""Whether two runs or files may be compared: only if nothing in their protocols differs but objective and seed."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fortifai.errors import UserError
from fortifai.fidelity.trajectories.curves import Curve, Group
from fortifai.fidelity.trajectories.groups import curves_of_group
from fortifai.fidelity.trajectories.reading import is_run
from fortifai.fidelity.trajectories.source import TrajectorySource
from fortifai.records.reading import read_chains

MAY_DIFFER = ("objective", "seed")
"""The parts of a chain's identity in which two that are compared may differ."""

Fields = Mapping[str, object]


def require_same(**fields: tuple[object, object]) -> None:
    """Raise UserError with every field whose values in A and in B differ, and both values."""
    _refuse({name: values for name, values in fields.items() if values[0] != values[1]})


def require_same_groups(a: Sequence[Group], b: Sequence[Group]) -> None:
    """Raise UserError with the fields in which the groups of A differ from those of B."""
    _refuse(_differing([group._asdict() for group in a], [group._asdict() for group in b]))


def require_same_scale(a: Sequence[Curve], b: Sequence[Curve], group: Group, metric: str) -> None:
    """Raise UserError when null or direction of a metric differ in a group: then fidelity is not on the same scale."""
    sides = [
        [{"null": c.null, "better": c.better} for c in curves_of_group(curves, group, metric) if not math.isnan(c.null)]
        for curves in (a, b)
    ]
    _refuse(_differing(*sides))


def require_same_identity(a: TrajectorySource, b: TrajectorySource) -> None:
    """Raise UserError when chains of one regime and strategy differ in anything else that decides their numbers.

    Only run folders say what that is; files and tables pass.
    """
    if not (isinstance(a, str | Path) and isinstance(b, str | Path) and is_run(Path(a)) and is_run(Path(b))):
        return
    sides: list[dict[tuple[str, str, str], list[Fields]]] = [{}, {}]
    for side, path in zip(sides, (a, b), strict=True):
        for chain in read_chains(Path(path)):
            identity = {name: value for name, value in _flat(chain.identity) if name not in MAY_DIFFER}
            identity |= {"fidelity_metric": chain.fidelity_metric, "better": chain.better}
            side.setdefault((chain.modality, chain.regime, chain.strategy), []).append(identity)
    for shared in sorted(sides[0].keys() & sides[1].keys()):
        _refuse(_differing(sides[0][shared], sides[1][shared]))


def _flat(tree: Fields, above: str = "") -> Iterator[tuple[str, object]]:
    """Yield the leaves of nested fields, with names such as ``regime.n``."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _differing(a: Sequence[Fields], b: Sequence[Fields]) -> dict[str, tuple[str, str]]:
    """Return the fields that do not hold the same set of values on both sides, with the values of either side as text."""
    names = dict.fromkeys(name for fields in (*a, *b) for name in fields)
    sides = [
        {name: ", ".join(sorted({str(fields.get(name, "nothing")) for fields in side})) for name in names} for side in (a, b)
    ]
    return {name: (sides[0][name], sides[1][name]) for name in names if sides[0][name] != sides[1][name]}


def _refuse(differing: Mapping[str, tuple[object, object]]) -> None:
    if differing:
        fields = "; ".join(f"{name} is {first} in A and {second} in B" for name, (first, second) in differing.items())
        raise UserError(f"A and B cannot be compared, as their protocols differ: {fields}")
