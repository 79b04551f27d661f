"""From curves to the chains of each group, measured by health: phi, or the rule's own metric."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fortifai.errors import UserError, did_you_mean
from fortifai.fidelity.onset import Floats, Seed, Trajectory
from fortifai.fidelity.rule import Rule, quoted
from fortifai.fidelity.trajectories.curves import MASKED_SHARE, Curve, Group, metrics_in

SAME_NULL = 1e-9
"""Relative. Nulls that differ by less are the same, written with fewer digits."""


@dataclass
class Chains:
    """The chains of one objective in one group: the trajectories that count, how many do not, and what is wrong with them.

    Attributes:
        trajectories: Of the finished chains, ordered by seed.
        incomplete: Chains that do not count, for whatever reason.
        horizon: The last generation that any of the chains was asked for.
        unscored: Why none of them can be scored, or None.
        without_null: Seeds that are left out, as the metric has no null there, though it has one elsewhere.
        without_baseline: Seeds that are left out, as the baseline has no generation 0 of the same seed.
        single_generation: Of the incomplete chains, those of a single generation, in which no onset can be seen.
        without_start: Of the incomplete chains, those that are over and have no generation 0.
        bridged: Generations missing within chains, read as linear between their neighbours.
        is_unpaired: Whether no chain of the baseline, finished or not, has the seed of any of them.
    """

    trajectories: list[Trajectory] = field(default_factory=list)
    incomplete: int = 0
    horizon: int = 0
    unscored: str | None = None
    without_null: list[str] = field(default_factory=list)
    without_baseline: list[str] = field(default_factory=list)
    single_generation: int = 0
    without_start: int = 0
    bridged: int = 0
    is_unpaired: bool = False


Objectives = dict[str, Chains]
"""The chains of one group by objective."""


def metrics_of(curves: Sequence[Curve], rule: Rule) -> list[str]:
    """Return the metrics that a rule scores by: the one it names, or by phi every one that has a null.

    Raises:
        UserError: When phi has no null to measure from, and for an unknown metric, with the nearest.
    """
    known = metrics_in(curves)
    if not rule.by_fidelity:
        if rule.name not in known:
            hint = f"; {nearest}" if (nearest := did_you_mean(rule.name, known)) else ""
            raise UserError(f"rule {str(rule)!r}: unknown metric {rule.name!r}{hint} (in the data: {', '.join(known)})")
        return [rule.name]
    with_null = metrics_in(curve for curve in curves if not math.isnan(curve.null))
    if not with_null:
        raise UserError(
            f"rule {str(rule)!r} needs a null, the metric's value for a model that has lost everything: add a column null, "
            f"give one (--null), or a rule on the metric itself, such as '{quoted(known[0])}>1.5'"
        )
    return with_null


def grouped_chains(curves: Sequence[Curve], metric: str, rule: Rule, baseline: str) -> Iterator[tuple[Group, Objectives]]:
    """Yield every group that a metric was measured in, with the chains of its objectives.

    Args:
        curves: Of any metrics, in order.
        metric: The metric to score by.
        rule: Decides what health is: phi, or the metric with the sign that lets it fall.
        baseline: The objective whose generation 0 phi is measured from, seed by seed.

    Raises:
        UserError: When nulls of one group differ between its objectives: then phi is not on the same scale.
    """
    measured: dict[Group, list[Curve]] = {}
    masked: dict[Group, dict[tuple[str, Seed], Curve]] = {}
    for curve in curves:
        if curve.metric == metric:
            measured.setdefault(curve.group, []).append(curve)
        if curve.metric == MASKED_SHARE:
            masked.setdefault(curve.group, {})[curve.objective, curve.seed] = curve
    for group, own in measured.items():
        yield group, _objectives(own, masked.get(group, {}), rule, baseline)


def curves_of_group(curves: Sequence[Curve], group: Group, metric: str) -> list[Curve]:
    """Return the curves of one metric in one group; what the group does not say is not compared."""
    return [
        curve
        for curve in curves
        if curve.metric == metric and all(name in (None, own) for name, own in zip(group, curve.group, strict=True))
    ]


def fidelity(value: Floats, null: float, reference: float) -> Floats:
    """Return phi of each value: 1 = as good as the baseline's generation 0, 0 = as bad as the null.

    One formula serves distances and accuracies, and it does not change when the metric is shifted or scaled.

    Args:
        value: The metric, (G,).
        null: The metric of a model that has lost everything.
        reference: The metric of the baseline's generation 0.

    Returns:
        phi, (G,); NaN where null and reference are equal, as there is no range to measure in.
    """
    return (null - value) / (null - reference) if null != reference else np.full_like(value, np.nan)


def _objectives(curves: Sequence[Curve], masked: Mapping[tuple[str, Seed], Curve], rule: Rule, baseline: str) -> Objectives:
    """Return the chains of one metric in one group; ``masked``: the share that was masked along each, where it is known."""
    if rule.by_fidelity:
        _require_one_null(curves)
    references = {
        curve.seed: curve.value[0]
        for curve in curves
        if curve.objective == baseline and curve.generation[0] == 0 and np.isfinite(curve.value[0])
    }
    seeds: dict[str, set[Seed]] = {}
    for curve in curves:
        seeds.setdefault(curve.objective, set()).add(curve.seed)
    mean_reference = float(np.mean([*references.values()])) if references else math.nan
    objectives = {name: Chains(is_unpaired=bool(references) and own.isdisjoint(seeds[baseline])) for name, own in seeds.items()}
    for curve in curves:
        chains = objectives[curve.objective]
        chains.horizon = max(chains.horizon, curve.horizon)
        if not _is_finished(curve, chains):
            continue
        chains.bridged += int(curve.generation[-1]) + 1 - curve.generation.size
        health = curve.value
        if rule.by_fidelity:
            if np.isnan(curve.null):
                chains.without_null.append(str(curve.seed))
                continue
            if curve.seed not in references and not chains.is_unpaired:
                chains.without_baseline.append(str(curve.seed))
                continue
            reference = float(references.get(curve.seed, mean_reference))
            # A metric that does not say which way is better is taken for a distance.
            if problem := _no_range(curve.null, reference, curve.better == "higher"):
                chains.unscored = problem
            health = fidelity(health, curve.null, reference)
        else:
            health = rule.health(health)
        chains.trajectories.append(_trajectory(curve, health, masked.get((curve.objective, curve.seed)), rule.generations))
    return objectives


def _require_one_null(curves: Sequence[Curve]) -> None:
    """Raise UserError when objectives of one group have nulls that differ, with both values.

    Nulls may differ from seed to seed. They are then compared seed by seed; where objectives have no seed in common, only nulls
    that are the same for all seeds of an objective can be.
    """
    known = sorted((curve for curve in curves if not math.isnan(curve.null)), key=lambda curve: curve.seed)
    if len({curve.null for curve in known}) < 2:
        return
    by_seed: dict[Seed | None, list[Curve]] = {}
    for curve in known:
        by_seed.setdefault(curve.seed, []).append(curve)
    if len({(curve.objective, curve.null) for curve in known}) == len({curve.objective for curve in known}):
        by_seed[None] = known
    for seed, own in by_seed.items():
        least, most = (extreme(own, key=lambda curve: curve.null) for extreme in (min, max))
        if most.null - least.null > SAME_NULL * max(abs(most.null), abs(least.null)):
            where = "" if seed is None else f", seed {seed}"
            raise UserError(
                f"the null of {least.metric} is {least.null:.12g} for {least.objective} and {most.null:.12g} for "
                f"{most.objective}{where}: objectives that are compared need the same (--null {least.metric}=VALUE)"
            )


def _is_finished(curve: Curve, chains: Chains) -> bool:
    """Return whether a chain counts; one that does not is added to the incomplete ones."""
    begun = curve.generation[0] == 0 and (curve.state == "diverged" or bool(np.isfinite(curve.value[0])))
    if curve.state == "incomplete" or not begun:
        chains.incomplete += 1
        chains.without_start += curve.state != "incomplete"
        return False
    if curve.horizon == 0 and curve.state == "complete":
        chains.incomplete += 1
        chains.single_generation += 1
        return False
    return True


def _no_range(null: float, reference: float, higher: bool) -> str | None:
    """Return why phi cannot be measured between a null and a reference, or None when it can."""
    if (reference > null) if higher else (reference < null):
        return None
    direction = "higher is better" if higher else "lower is better; a metric whose higher values are better has to say so"
    return f"unscored: the baseline's generation 0 ({reference:.4g}) is no better than the null ({null:.4g}), as {direction}"


def _trajectory(curve: Curve, health: Floats, masked: Curve | None, hold: int) -> Trajectory:
    finite = np.isfinite(curve.value)
    end = int(finite.size if finite.all() else finite.argmin())
    generation = curve.generation[:end]
    share = np.full(end, np.nan)
    if masked is not None:
        _, own, other = np.intersect1d(generation, masked.generation, assume_unique=True, return_indices=True)
        share[own] = masked.value[other]
    return Trajectory(
        seed=curve.seed,
        generation=generation,
        value=curve.value[:end],
        health=health[:end],
        diverged=bool(curve.state == "diverged" or end < finite.size),
        horizon=curve.horizon,
        masked=share,
        hold=hold,
    )
