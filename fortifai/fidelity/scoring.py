"""Trajectories to a score table: one row an objective in each group, compared with the baseline seed by seed."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np

from fortifai.errors import UserError
from fortifai.fidelity import intervals
from fortifai.fidelity.onset import Course, Floats, common_horizon, recovers, restrict, touches
from fortifai.fidelity.remarks import counted, shared_seeds
from fortifai.fidelity.rule import PHI, Rule
from fortifai.fidelity.scores import Estimate, ScoreRow, ScoreTable, ThresholdScore
from fortifai.fidelity.threshold import calibrate
from fortifai.fidelity.trajectories.groups import Chains, Group, groups, metrics_of
from fortifai.fidelity.trajectories.source import Trajectories, load
from fortifai.storage import Better

Seed = int | str

THRESHOLDS = (0.9, 0.75, 0.5)
"""Shown beside the rule's own threshold."""

ALL_THRESHOLDS: Floats = (np.arange(1000) + 0.5) / 1000
"""Midpoints of (0, 1): the mean over them is FI's integral over the threshold, so that nobody can pick one."""


def score(
    path_or_frame: Trajectories,
    *,
    rule: str | None = None,
    baseline: str = "ce",
    better: Better | Mapping[str, Better] | None = None,
    null: float | Mapping[str, float] | None = None,
    calibrate_threshold: float | None = None,
) -> ScoreTable:
    """Score a run folder, a CSV file or a tidy table: fidelity intervals, and extension ratios over the baseline.

    Args:
        path_or_frame: a run folder, a CSV file, or a table with at least the columns objective, generation, metric, value.
        rule: ``"phi<0.75"``, ``"metric<value"`` or ``"metric>value"``; by default that of the run's suite, else phi<0.75.
        baseline: the objective that the others are compared with, and whose generation 0 fidelity is measured from.
        better: ``"lower"`` or ``"higher"``, where the data do not say it; for all metrics, or by metric.
        null: the metric's value for a model that has lost everything, in place of the data's; by metric if there are several.
        calibrate_threshold: instead of a rule: set the threshold of phi so that at most this share of control chains cross it;
            their false-positive rate is then that of the chains by which it was not set.

    Raises UserError for data that cannot be read, a malformed rule, an unknown metric, a phi rule without a null, too few
    control chains to set a threshold by, and a baseline that the data does not hold (by an absolute rule it is only needed
    for the ratios).
    """
    source = load(path_or_frame, rule, baseline, better, null)
    if calibrate_threshold is not None and (rule is not None or not source.rule.by_fidelity):
        raise UserError(f"--calibrate-threshold sets the threshold of phi itself, and cannot go with the rule {source.rule}")
    rows: list[tuple[ScoreRow, float | None]] = []
    for metric in metrics_of(source.table, source.rule):
        found = list(groups(source.table, metric, source.rule, baseline))
        used, said, judges = source.rule, source.said_of(metric), None
        if calibrate_threshold is not None:
            calibrated = calibrate(_controls(found), calibrate_threshold, _suite(found))
            used, said, judges = calibrated.rule, [*said, calibrated.text], calibrated.held_out
        rows += _metric_rows(found, metric, used, baseline, said, judges)
    rows.sort(key=lambda pair: _order(pair[0], baseline))
    adjusted = intervals.holm([p for _, p in rows])
    return ScoreTable(rows=[row.model_copy(update={"p_value": p}) for (row, _), p in zip(rows, adjusted, strict=True)])


def _order(row: ScoreRow, baseline: str) -> tuple[object, ...]:
    group = (row.suite, row.modality, row.model, row.regime, row.strategy)
    return (*(name or "" for name in group), row.metric, row.objective != baseline, row.objective)


def _metric_rows(
    found: list[tuple[Group, dict[str, Chains]]],
    metric: str,
    rule: Rule,
    baseline: str,
    notes: list[str],
    judges: Set[Seed] | None,
) -> list[tuple[ScoreRow, float | None]]:
    controls = {
        (group._replace(strategy=None), objective): _crossed(chains, rule, judges)
        for group, objectives in found
        if group.under_control
        for objective, chains in objectives.items()
    }
    rows = []
    for group, objectives in found:
        scorable = [course for chains in objectives.values() if not chains.unscored for course in chains.courses]
        horizon = common_horizon(scorable)
        for objective, chains in objectives.items():
            control = controls.get((group._replace(strategy=None), objective))
            reference = objectives.get(baseline, Chains())
            comparison = _Comparison(objective, chains, reference, objective == baseline, rule, horizon, notes)
            rows.append(comparison.row(group, metric, control))
    return rows


def _controls(found: list[tuple[Group, dict[str, Chains]]]) -> dict[Seed, list[Course]]:
    by_seed: dict[Seed, list[Course]] = {}
    for group, objectives in found:
        for chains in objectives.values() if group.under_control else ():
            for course in () if chains.unscored else chains.courses:
                by_seed.setdefault(course.seed, []).append(course)
    return by_seed


def _suite(found: list[tuple[Group, dict[str, Chains]]]) -> str:
    """The suite's name, for a command that runs more of it."""
    return next((group.suite.partition("@")[0] for group, _ in found if group.suite), "SUITE")


def _crossed(chains: Chains, rule: Rule, judges: Set[Seed] | None) -> Estimate | None:
    """The share of control chains (of these seeds, or all) that the rule calls collapsed, within their common horizon."""
    if chains.unscored:
        return None
    onsets = restrict(chains.courses, rule.least_health, common_horizon(chains.courses))
    judged = [judges is None or course.seed in judges for course in chains.courses]
    return intervals.wilson(int(np.count_nonzero(~onsets.censored & np.array(judged, dtype=bool))), sum(judged))


@dataclass(frozen=True)
class _Comparison:
    """One objective's chains beside the baseline's of the same group."""

    objective: str
    chains: Chains
    reference: Chains
    is_baseline: bool
    rule: Rule
    horizon: int
    notes: list[str]
    """What there is to say about all rows alike."""

    def row(self, group: Group, metric: str, control: Estimate | None) -> tuple[ScoreRow, float | None]:
        """Give the row, its p still raw, and that p: Holm needs them all."""
        courses = self.chains.courses
        scored = bool(courses) and not self.chains.unscored
        main, p, notes = self._at(self.rule.least_health) if scored else (_NOTHING, None, [])
        masked = self._masked_share() if scored else None
        by_fidelity = scored and self.rule.by_fidelity
        start = np.array([course.health[0] for course in courses if course.health.size])
        row = ScoreRow(
            **group._asdict(),
            objective=self.objective,
            chains=len(courses),
            censored=main.censored,
            incomplete=self.chains.incomplete,
            fidelity_interval=main.fidelity_interval,
            extension_ratio=main.extension_ratio,
            p_value=None,
            control_false_positive_rate=control,
            metric=metric,
            rule=str(self.rule),
            horizon=self.horizon if scored else self.chains.horizon,
            phi_at_generation_0=float(start.mean()) if by_fidelity and start.size else None,
            other_thresholds=self._other_thresholds() if by_fidelity else None,
            mean_over_thresholds=self._mean_over_thresholds() if by_fidelity else None,
            masked_share=masked,
            reason="; ".join(dict.fromkeys([*self._remarks(masked), *notes])) or None,
        )
        return row, p

    def _at(self, limit: float) -> tuple[ThresholdScore, float | None, list[str]]:
        """The score by one limit, the raw p of its ratio, and what there is to say about it."""
        onsets = restrict(self.chains.courses, limit, self.horizon)
        interval, note = intervals.mean_of(onsets)
        notes = ["no chain collapsed within the horizon"] if onsets.censored.all() else []
        compared = intervals.Compared(None, None, None)
        if not self.is_baseline:
            compared, more = self._ratio(limit)
            notes += more
        notes += [text for text in (note, compared.reason) if text]
        censored = int(np.count_nonzero(onsets.censored))
        at = ThresholdScore(fidelity_interval=interval, extension_ratio=compared.ratio, censored=censored)
        return at, compared.p, notes

    def _ratio(self, limit: float) -> tuple[intervals.Compared, list[str]]:
        mine, theirs = self._pairs()
        if not mine:
            return intervals.Compared(None, None, "no extension ratio: no baseline chain of the same seed"), []
        baseline = restrict(theirs, limit, self.horizon)
        notes = []
        if len(mine) < max(len(self.chains.courses), len(self.reference.courses)):
            notes.append(f"extension ratio over the {shared_seeds(len(mine))}")
        if censored := np.count_nonzero(baseline.censored):
            notes.append(f"{censored} of the baseline's chains {'is' if censored == 1 else 'are'} censored as well")
        return intervals.ratio_of(restrict(mine, limit, self.horizon), baseline), notes

    def _pairs(self) -> tuple[list[Course], list[Course]]:
        """The courses of both objectives for the seeds that both have, in the same order."""
        theirs = {course.seed: course for course in self.reference.courses}
        mine = [course for course in self.chains.courses if course.seed in theirs]
        return mine, [theirs[course.seed] for course in mine]

    def _other_thresholds(self) -> dict[str, ThresholdScore]:
        return {f"{PHI}<{tau:g}": self._at(tau)[0] for tau in THRESHOLDS if tau != self.rule.limit}

    def _mean_over_thresholds(self) -> float:
        onsets = np.array([course.onsets(ALL_THRESHOLDS) for course in self.chains.courses])
        return float(np.minimum(onsets, self.horizon).mean())

    def _masked_share(self) -> float | None:
        """Mean over chains of the share masked in the generations up to the baseline's onset; None where it is not known."""
        shares = []
        for mine, theirs in zip(*self._pairs(), strict=True):
            onset = restrict([theirs], self.rule.least_health, self.horizon).times[0]
            until = mine.masked[mine.generation <= onset]
            known = until[np.isfinite(until)]
            if known.size:
                shares.append(known.mean())
        return float(np.mean(shares)) if shares else None

    def _remarks(self, masked: float | None) -> list[str]:
        chains, remarks = self.chains, list(self.notes)
        if chains.unscored:
            remarks.append(chains.unscored)
        elif not chains.courses:
            nothing = "no chain with a baseline" if chains.left_out else "no finished chain"
            remarks.append(f"unscored: {'a single generation, in which no onset can be seen' if chains.single else nothing}")
        elif chains.single:
            many = counted(chains.single, "chain")
            remarks.append(f"{many} of a single generation, in which no onset can be seen, {_count(chains.single)} as incomplete")
        if chains.headless:
            remarks.append(f"{counted(chains.headless, 'chain')} without generation 0 {_count(chains.headless)} as incomplete")
        if chains.bridged:
            remarks.append(f"{counted(chains.bridged, 'missing generation')} bridged")
        if chains.left_out:
            remarks.append(f"left out for want of a baseline's generation 0 of the same seed: seed {', '.join(chains.left_out)}")
        if not chains.unscored:
            remarks += self._shapes()
        if masked == 0 and not self.is_baseline and self.objective.startswith("tce"):
            remarks.append("inert: masked nothing before the baseline's onset, so it was cross entropy")
        longer = any(course.horizon > self.horizon for course in chains.courses if not course.diverged)
        if longer and not chains.unscored:
            remarks.append(f"restricted to generation {self.horizon}, the horizon that all chains of the group have in common")
        return remarks

    def _shapes(self) -> list[str]:
        """What curves do that a single onset does not tell."""
        limit, remarks = self.rule.least_health, []
        if lost := sum(course.diverged for course in self.chains.courses):
            remarks.append(f"{lost} of {len(self.chains.courses)} chains diverged (NaN or infinite)")
        if touching := sum(not course.diverged and touches(course.health, limit) for course in self.chains.courses):
            touch = "1 chain touches" if touching == 1 else f"{touching} chains touch"
            remarks.append(f"{touch} the threshold without crossing it")
        if back := sum(recovers(course.health, limit) for course in self.chains.courses):
            come = (
                "1 chain comes back over the threshold after its"
                if back == 1
                else f"{back} chains come back over the threshold after their"
            )
            remarks.append(f"{come} onset, which is the first crossing")
        return remarks


def _count(chains: int) -> str:
    return "counts" if chains == 1 else "count"


_NOTHING = ThresholdScore(fidelity_interval=None, extension_ratio=None, censored=0)
