"""Two runs or files, chain by chain of the same seed: how much longer the second stays faithful than the first."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np

from fortifai.errors import UserError
from fortifai.fidelity import comparable, intervals
from fortifai.fidelity.onset import common_horizon, pair_by_seed, restrict, restrict_over_thresholds
from fortifai.fidelity.remarks import (
    censored_as_well,
    counted,
    disagreement,
    horizon_asked,
    joined,
    on_chains,
    on_divergence,
    shared_seeds,
)
from fortifai.fidelity.rule import BASELINE, Rule
from fortifai.fidelity.scores import ComparisonRow, ComparisonTable
from fortifai.fidelity.trajectories.curves import Curve, Group, objectives_in
from fortifai.fidelity.trajectories.groups import Chains, Objectives, curves_of_group, grouped_chains, metrics_of
from fortifai.fidelity.trajectories.outside import Reading
from fortifai.fidelity.trajectories.source import LoadedTrajectories, TrajectorySource, load
from fortifai.storage import Better

ROUNDING = 1e-9
"""Relative. Starts that differ by less are the same start, written with fewer digits."""

P = ParamSpec("P")
T = TypeVar("T")


def compare(
    a: TrajectorySource,
    b: TrajectorySource,
    *,
    objective: str | Sequence[str] | None = None,
    rule: str | None = None,
    baseline: str = BASELINE,
    better: Better | Mapping[str, Better] | None = None,
    null: float | Mapping[str, float] | None = None,
    horizon: int | None = None,
    columns: Mapping[str, str] | None = None,
    first_generation: int = 0,
    run_name: str | None = None,
    generation_zero: str | Path | None = None,
) -> ComparisonTable:
    """Compare two runs, files or tables, paired by seed: FI of b minus FI of a, and FI of b over FI of a.

    Args:
        a: What is compared with: a run folder, a CSV file or a table.
        b: What is compared.
        objective: One for both, or a pair: that of a and that of b; by default all that both have, or the only one of each.
        rule: As in `fortifai.score`; by default the suites', which must agree.
        baseline: Whose generation 0 fidelity is measured from, in a and in b each.
        better: As in `fortifai.score`.
        null: As in `fortifai.score`.
        horizon: As in `fortifai.score`; by default that of a and b, which must agree.
        columns: As in `fortifai.score`, for both.
        first_generation: As in `fortifai.score`, for both.
        run_name: As in `fortifai.score`, for both.
        generation_zero: As in `fortifai.score`, for both.

    Returns:
        The rows by metric, group and objective; p adjusted by Holm's method over all of them.

    Raises:
        UserError: When the protocols differ, with the fields and both values, when nothing can be paired, and for all that
            `fortifai.score` raises it for.
    """
    reading = Reading(columns or {}, first_generation, run_name, generation_zero)
    if horizon is not None and horizon < 1:
        raise UserError("a horizon is a generation from 1")
    first = _on_side("A", load, a, rule, baseline, better, null, reading)
    second = _on_side("B", load, b, rule, baseline, better, null, reading)
    comparable.require_same(rule=(str(first.rule), str(second.rule)))
    metrics = _on_side("A", metrics_of, first.curves, first.rule)
    metrics_of_b = _on_side("B", metrics_of, second.curves, second.rule)
    comparable.require_same(metric=(", ".join(metrics), ", ".join(metrics_of_b)))
    comparable.require_same_identity(a, b)
    pairs = _objective_pairs(first, second, objective)
    rows = [row for metric in metrics for row in _rows(first, second, metric, baseline, pairs, horizon)]
    if not rows:
        names = " and ".join(sorted({name for pair in pairs for name in pair}))
        raise UserError(f"nothing to compare: no group holds {names} in both")
    by_rule, over = intervals.holm([row.p_value for row in rows]), intervals.holm([row.p_value_over_thresholds for row in rows])
    adjusted = [{"p_value": p, "p_value_over_thresholds": p_over} for p, p_over in zip(by_rule, over, strict=True)]
    return ComparisonTable(rows=[row.model_copy(update=both) for row, both in zip(rows, adjusted, strict=True)])


def _on_side(side: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a call returns, and name the side, A or B, when it raises UserError."""
    try:
        return call(*args, **kwargs)
    except UserError as error:
        raise UserError(f"{side}: {error}") from None


def _rows(
    a: LoadedTrajectories, b: LoadedTrajectories, metric: str, baseline: str, pairs: list[tuple[str, str]], horizon: int | None
) -> Iterator[ComparisonRow]:
    groups_of_a, groups_of_b = _on_side("A", _groups, a, metric, baseline), _on_side("B", _groups, b, metric, baseline)
    shared = [group for group in groups_of_a if group in groups_of_b]
    if not shared:
        comparable.require_same_groups(list(groups_of_a), list(groups_of_b))
    for group in shared:
        comparable.require_same_scale(a.curves, b.curves, group, metric)
        remarks = [*a.remarks_on(metric), *b.remarks_on(metric)]
        if a.rule.by_fidelity:
            remarks += _on_starts(a.curves, b.curves, group, metric, baseline)
        for first, second in pairs:
            if first in groups_of_a[group] and second in groups_of_b[group]:
                chains = groups_of_a[group][first], groups_of_b[group][second]
                yield _row(group, (first, second), chains, metric, a.rule, remarks, horizon)


def _groups(loaded: LoadedTrajectories, metric: str, baseline: str) -> dict[Group, Objectives]:
    """Return the chains of each group, whatever their suite: what decides their numbers is compared by itself."""
    groups = grouped_chains(loaded.curves, metric, loaded.rule, baseline)
    return {group._replace(suite=None): objectives for group, objectives in groups}


def _row(
    group: Group,
    objectives: tuple[str, str],
    chains: tuple[Chains, Chains],
    metric: str,
    rule: Rule,
    remarks: Sequence[str],
    asked: int | None,
) -> ComparisonRow:
    for side, name, own in zip("AB", objectives, chains, strict=True):
        if own.unscored or not own.trajectories:
            raise UserError(f"{side}: {name} cannot be scored: {own.unscored or 'no finished chain with a baseline'}")
    a, b = (own.trajectories for own in chains)
    horizon, horizon_of_b = (min(common_horizon(own), asked or common_horizon(own)) for own in (a, b))
    comparable.require_same(horizon=(horizon, horizon_of_b))
    paired_a, paired_b = pair_by_seed(a, b)
    if not paired_a:
        raise UserError("nothing to pair: A and B have no seed in common")
    onsets_a, onsets_b = restrict(paired_a, rule.least_health, horizon), restrict(paired_b, rule.least_health, horizon)
    censored_a, censored_b = (int(np.count_nonzero(onsets.censored)) for onsets in (onsets_a, onsets_b))
    difference, no_interval = intervals.difference_of(onsets_b, onsets_a)
    ratio = intervals.ratio_of(onsets_b, onsets_a)
    over = intervals.RatioTest(None, None, None)
    if rule.by_fidelity:
        over = intervals.ratio_of(*(restrict_over_thresholds(own, horizon) for own in (paired_b, paired_a)))
    left_out = [f"{side}: {remark}" for side, own in zip("AB", chains, strict=True) for remark in on_chains(own)]
    diverged = (on_divergence(paired_a, "of A"), on_divergence(paired_b, "of B"))
    apart = disagreement(ratio.ratio, over.ratio, str(rule))
    notes = [*remarks, *left_out, *filter(None, (*diverged, no_interval, ratio.reason, apart))]
    if len(paired_a) < max(len(a), len(b)):
        notes.insert(0, f"over the {shared_seeds(len(paired_a))}")
    if asked is not None:
        notes.append(horizon_asked(asked, horizon))
    if censored_a:
        notes.append(censored_as_well(censored_a, "the chains of A"))
    return ComparisonRow(
        **{name: value for name, value in group._asdict().items() if name != "suite"},
        objective_a=objectives[0],
        objective_b=objectives[1],
        chains=len(paired_a),
        censored_a=censored_a,
        censored_b=censored_b,
        fidelity_interval_a=intervals.mean_of(onsets_a)[0],
        fidelity_interval_b=intervals.mean_of(onsets_b)[0],
        difference=difference,
        ratio=ratio.ratio,
        p_value=ratio.p,
        ratio_over_thresholds=intervals.as_estimate(over.ratio),
        p_value_over_thresholds=over.p,
        metric=metric,
        rule=str(rule),
        horizon=horizon,
        reason=joined(notes),
    )


def _objective_pairs(a: LoadedTrajectories, b: LoadedTrajectories, asked: str | Sequence[str] | None) -> list[tuple[str, str]]:
    """Return the pairs of objectives to compare: those asked for, those that both have, or the only one of each."""
    known_a, known_b = (objectives_in(loaded.curves) for loaded in (a, b))
    if asked is None:
        shared = [name for name in known_a if name in known_b]
        if not shared and len(known_a) == len(known_b) == 1:
            return [(known_a[0], known_b[0])]
        if not shared:
            raise UserError(
                f"A has {', '.join(known_a)} and B has {', '.join(known_b)}: "
                "say which to compare, the objective of A and then that of B"
            )
        return [(name, name) for name in shared]
    names = [asked] if isinstance(asked, str) else [*asked]
    if len(names) not in (1, 2):
        raise UserError(f"{len(names)} objectives: name one for both, or that of A and then that of B")
    for side, name, known in zip("AB", (names[0], names[-1]), (known_a, known_b), strict=True):
        if name not in known:
            raise UserError(f"{side} has no objective {name!r}; it has {', '.join(known)}")
    return [(names[0], names[-1])]


def _on_starts(a: Sequence[Curve], b: Sequence[Curve], group: Group, metric: str, baseline: str) -> list[str]:
    """Return a remark when the baseline starts elsewhere in A than in B: then a fidelity of 1 does not mean the same in both."""
    starts_a, starts_b = (
        {
            curve.seed: curve.value[0]
            for curve in curves_of_group(curves, group, metric)
            if curve.objective == baseline and curve.generation[0] == 0
        }
        for curves in (a, b)
    )
    shared = np.array([(start, starts_b[seed]) for seed, start in starts_a.items() if seed in starts_b], float).reshape(-1, 2)
    differing = ~np.isclose(shared[:, 0], shared[:, 1], rtol=ROUNDING, atol=0, equal_nan=True)
    if not differing.any():
        return []
    mean_a, mean_b = np.nanmean(shared, axis=0)
    return [
        f"the baseline's generation 0 differs for {counted(int(differing.sum()), 'seed')} (mean {metric} {mean_a:.4g} in A, "
        f"{mean_b:.4g} in B), and the fidelity of each is measured from its own"
    ]
