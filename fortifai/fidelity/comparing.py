"""Two runs or files, chain by chain of the same seed: how much longer the second stays faithful than the first."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from fortifai.errors import UserError
from fortifai.fidelity import intervals
from fortifai.fidelity.onset import Course, common_horizon, restrict
from fortifai.fidelity.remarks import counted, shared_seeds
from fortifai.fidelity.rule import Rule
from fortifai.fidelity.scores import ComparisonRow, ComparisonTable
from fortifai.fidelity.trajectories.groups import Chains, Group, groups, metrics_of
from fortifai.fidelity.trajectories.source import Source, Trajectories, load
from fortifai.records.reading import read_chains
from fortifai.storage import Better

BESIDE = ("objective", "seed")
"""The parts of a chain's identity in which two that are compared may differ."""

ROUNDING = 1e-9
"""Relative. Two starts that differ by less are one that was written with fewer digits."""

Cell = dict[str, Chains]

P = ParamSpec("P")
T = TypeVar("T")


def compare(
    a: Trajectories,
    b: Trajectories,
    *,
    objective: str | Sequence[str] | None = None,
    rule: str | None = None,
    baseline: str = "ce",
    better: Better | Mapping[str, Better] | None = None,
    null: float | Mapping[str, float] | None = None,
) -> ComparisonTable:
    """Compare two runs, files or tables, paired by seed: FI of b minus FI of a, and FI of b over FI of a.

    Args:
        a: what is compared with: a run folder, a CSV file or a table.
        b: what is compared.
        objective: one for both, or a pair: that of a and that of b; by default all that both have, or the only one of each.
        rule: as in `fortifai.score`; by default the suites', which must agree.
        baseline: whose generation 0 fidelity is measured from, in a and in b each.
        better: as in `fortifai.score`.
        null: as in `fortifai.score`.

    Raises UserError when the protocols differ, with the fields and both values, when nothing can be paired, and for all that
    `fortifai.score` raises it for.
    """
    sources = _of("A", load, a, rule, baseline, better, null), _of("B", load, b, rule, baseline, better, null)
    _refuse({"rule": (str(sources[0].rule), str(sources[1].rule))} if sources[0].rule != sources[1].rule else {})
    metrics = [_of(side, metrics_of, source.table, source.rule) for side, source in zip("AB", sources, strict=True)]
    _refuse({"metric": (", ".join(metrics[0]), ", ".join(metrics[1]))} if metrics[0] != metrics[1] else {})
    _same_identity(a, b)
    pairs = _objectives(*sources, objective)
    rows = [row for metric in metrics[0] for row in _rows(sources, metric, baseline, pairs)]
    if not rows:
        raise UserError(
            f"nothing to compare: no group holds {' and '.join(sorted({name for pair in pairs for name in pair}))} in both"
        )
    adjusted = intervals.holm([row.p_value for row in rows])
    return ComparisonTable(rows=[row.model_copy(update={"p_value": p}) for row, p in zip(rows, adjusted, strict=True)])


def _of(side: str, find: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Look something up, and say of which side it is when that goes wrong."""
    try:
        return find(*args, **kwargs)
    except UserError as error:
        raise UserError(f"{side}: {error}") from None


def _rows(sources: tuple[Source, Source], metric: str, baseline: str, pairs: list[tuple[str, str]]) -> Iterator[ComparisonRow]:
    cells = [_cells(source, metric, baseline) for source in sources]
    shared = [group for group in cells[0] if group in cells[1]]
    if not shared:
        _refuse(_fields([group._asdict() for group in cells[0]], [group._asdict() for group in cells[1]]))
    for group in shared:
        _same_measure([source.table for source in sources], group, metric)
        for first, second in pairs:
            if first in cells[0][group] and second in cells[1][group]:
                said = [text for source in sources for text in source.said_of(metric)]
                if sources[0].rule.by_fidelity:
                    said += _starts([source.table for source in sources], group, metric, baseline)
                chosen = cells[0][group][first], cells[1][group][second]
                yield _row(group, (first, second), chosen, metric, sources[0].rule, said)


def _cells(source: Source, metric: str, baseline: str) -> dict[Group, Cell]:
    """The chains of each group; what suite they are of does not matter, what decides their numbers is compared by itself."""
    return {group._replace(suite=None): found for group, found in groups(source.table, metric, source.rule, baseline)}


def _row(
    group: Group, objectives: tuple[str, str], chains: tuple[Chains, Chains], metric: str, rule: Rule, said: list[str]
) -> ComparisonRow:
    for side, name, of in zip("AB", objectives, chains, strict=True):
        if of.unscored or not of.courses:
            raise UserError(f"{side}: {name} cannot be scored: {of.unscored or 'no finished chain with a baseline'}")
    horizons = common_horizon(chains[0].courses), common_horizon(chains[1].courses)
    _refuse({"horizon": horizons} if horizons[0] != horizons[1] else {})
    horizon = horizons[0]
    theirs, mine = _paired(*(of.courses for of in chains))
    if not mine:
        raise UserError("nothing to pair: A and B have no seed in common")
    before, after = restrict(theirs, rule.least_health, horizon), restrict(mine, rule.least_health, horizon)
    difference, reason = intervals.difference_of(after, before)
    compared = intervals.ratio_of(after, before)
    notes = [*said, *(text for text in (reason, compared.reason) if text)]
    if len(mine) < max(len(of.courses) for of in chains):
        notes.insert(0, f"over the {shared_seeds(len(mine))}")
    if censored := np.count_nonzero(before.censored):
        notes.append(f"{censored} of the chains of A {'is' if censored == 1 else 'are'} censored as well")
    return ComparisonRow(
        **{name: value for name, value in group._asdict().items() if name != "suite"},
        objective_a=objectives[0],
        objective_b=objectives[1],
        chains=len(mine),
        censored_a=int(np.count_nonzero(before.censored)),
        censored_b=int(np.count_nonzero(after.censored)),
        fidelity_interval_a=intervals.mean_of(before)[0],
        fidelity_interval_b=intervals.mean_of(after)[0],
        difference=difference,
        ratio=compared.ratio,
        p_value=compared.p,
        metric=metric,
        rule=str(rule),
        horizon=horizon,
        reason="; ".join(dict.fromkeys(notes)) or None,
    )


def _paired(a: list[Course], b: list[Course]) -> tuple[list[Course], list[Course]]:
    second = {course.seed: course for course in b}
    first = [course for course in a if course.seed in second]
    return first, [second[course.seed] for course in first]


def _objectives(a: Source, b: Source, asked: str | Sequence[str] | None) -> list[tuple[str, str]]:
    known = [sorted(source.table["objective"].unique()) for source in (a, b)]
    if asked is None:
        shared = [name for name in known[0] if name in known[1]]
        if not shared and len(known[0]) == len(known[1]) == 1:
            return [(known[0][0], known[1][0])]
        if not shared:
            raise UserError(
                f"A has {', '.join(known[0])} and B has {', '.join(known[1])}: "
                "say which to compare, the objective of A and then that of B"
            )
        return [(name, name) for name in shared]
    names = [asked, asked] if isinstance(asked, str) else [*asked] * (2 if len(asked) == 1 else 1)
    if len(names) != 2:
        raise UserError(f"{len(names)} objectives: give one for both, or that of A and then that of B")
    for side, name, of in zip("AB", names, known, strict=True):
        if name not in of:
            raise UserError(f"{side} has no objective {name!r}; it has {', '.join(of)}")
    return [(names[0], names[1])]


def _same_measure(tables: list[pd.DataFrame], group: Group, metric: str) -> None:
    """Refuse when null or direction of the metric differ: then fidelity is not on the same scale."""
    sides = []
    for table in tables:
        of = _rows_of(table, group, metric)
        sides.append(
            [{"null": null, "better": way} for null, way in zip(of["null"], of["better"], strict=True) if not pd.isna(null)]
        )
    _refuse(_fields(*sides))


def _starts(tables: list[pd.DataFrame], group: Group, metric: str, baseline: str) -> list[str]:
    """Say when the baseline starts elsewhere in A than in B: then a fidelity of 1 does not mean the same in both."""
    sides = []
    for table in tables:
        of = _rows_of(table, group, metric)
        of = of[(of["objective"] == baseline) & (of["generation"] == 0)]
        sides.append(of.set_index("seed")["value"])
    both = pd.concat(sides, axis=1, join="inner").to_numpy(float)
    differing = ~np.isclose(both[:, 0], both[:, 1], rtol=ROUNDING, atol=0, equal_nan=True)
    if not differing.any():
        return []
    first, second = np.nanmean(both, axis=0)
    return [
        f"the baseline's generation 0 differs for {counted(int(differing.sum()), 'seed')} (mean {metric} {first:.4g} in A, "
        f"{second:.4g} in B), and the fidelity of each is measured from its own"
    ]


def _rows_of(table: pd.DataFrame, group: Group, metric: str) -> pd.DataFrame:
    of = table[table["metric"] == metric]
    for name, value in group._asdict().items():
        of = of[of[name] == value] if value is not None else of
    return of


def _same_identity(a: Trajectories, b: Trajectories) -> None:
    """Refuse runs whose chains of one regime and strategy differ in anything else that decides their numbers."""
    if isinstance(a, pd.DataFrame) or isinstance(b, pd.DataFrame) or not (Path(a).is_dir() and Path(b).is_dir()):
        return
    sides: list[dict[tuple[str, str, str], list[dict[str, Any]]]] = [{}, {}]
    for side, path in zip(sides, (a, b), strict=True):
        for chain in read_chains(Path(path)):
            identity = {name: value for name, value in _flat(chain.identity) if name not in BESIDE}
            identity |= {"fidelity_metric": chain.fidelity_metric, "better": chain.better}
            key = (chain.modality, chain.regime, chain.strategy)
            side.setdefault(key, []).append(identity)
    for shared in sorted(sides[0].keys() & sides[1].keys()):
        _refuse(_fields(sides[0][shared], sides[1][shared]))


def _flat(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _fields(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> dict[str, tuple[Any, Any]]:
    """The fields whose values differ, with those of either side."""
    names = dict.fromkeys(name for one in (*a, *b) for name in one)
    sides = [{name: ", ".join(sorted({str(one.get(name, "nothing")) for one in side})) for name in names} for side in (a, b)]
    return {name: (sides[0][name], sides[1][name]) for name in names if sides[0][name] != sides[1][name]}


def _refuse(differing: Mapping[str, tuple[Any, Any]]) -> None:
    if differing:
        fields = "; ".join(f"{name} is {first} in A and {second} in B" for name, (first, second) in differing.items())
        raise UserError(f"A and B cannot be compared, as their protocols differ: {fields}")
