"""One row of a score: an objective's chains in one group, beside the baseline's chains of the same seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from fortifai.fidelity import intervals, remarks
from fortifai.fidelity.onset import THRESHOLDS, Restricted, Trajectory, pair_by_seed, restrict, restrict_over_thresholds
from fortifai.fidelity.rule import Rule, in_words
from fortifai.fidelity.scores import Estimate, ScoreRow, ThresholdScore
from fortifai.fidelity.trajectories.curves import Group
from fortifai.fidelity.trajectories.groups import Chains

SAME_VALUE = 1e-9
"""Relative. Values that differ by less are the same value, computed or written in another way."""


class RawRow(NamedTuple):
    """A row before Holm's adjustment, which needs the p of all rows: by the rule, and over all thresholds.

    ``sd``: the standard deviation over seeds of the log of the ratio, or None.
    """

    row: ScoreRow
    p: float | None
    p_over_thresholds: float | None
    sd: float | None


class _LimitScore(NamedTuple):
    """The score by one limit of health, the test of its ratio, and the remarks on it."""

    score: ThresholdScore
    test: intervals.RatioTest
    remarks: list[str]


_NO_RATIO = intervals.RatioTest(None, None, None)
_UNSCORED = _LimitScore(ThresholdScore(fidelity_interval=None, extension_ratio=None, censored=0), _NO_RATIO, [])


@dataclass(frozen=True)
class ObjectiveInGroup:
    """The chains of one objective, the baseline's chains of the same group, and what they are scored by.

    Attributes:
        objective: The objective.
        chains: Its chains.
        baseline: The objective that it is compared with.
        baseline_chains: The baseline's chains.
        rule: When a chain has collapsed.
        horizon: The last generation to which the onsets of all chains of the group are known, or that was asked for.
        shortest: The last generation that all of them were watched to, at most the horizon: other thresholds are scored up to it.
        asked: The horizon that was asked for, or None.
    """

    objective: str
    chains: Chains
    baseline: str
    baseline_chains: Chains
    rule: Rule
    horizon: int
    shortest: int
    asked: int | None = None

    def row(self, group: Group, metric: str, control: Estimate | None, remarks_on_metric: Sequence[str]) -> RawRow:
        """Return the row without its p, and what they are adjusted from.

        Args:
            group: What the chains share.
            metric: The metric that is scored by.
            control: The false-positive rate of the rule.
            remarks_on_metric: Remarks on all rows of the metric alike.
        """
        trajectories = self.chains.trajectories
        is_scored = bool(trajectories) and not self.chains.unscored
        by_fidelity = is_scored and self.rule.by_fidelity
        main = self._score_at(self.rule.least_health, self.horizon) if is_scored else _UNSCORED
        over = self._ratio_over_thresholds() if by_fidelity else _NO_RATIO
        masked_share = self._masked_share() if is_scored else None
        apart = remarks.disagreement(main.score.extension_ratio, over.ratio, str(self.rule))
        notes = [*remarks_on_metric, *self._remarks(masked_share), *main.remarks, *filter(None, [apart])]
        start = np.array([trajectory.health[0] for trajectory in trajectories if trajectory.health.size])
        row = ScoreRow(
            **group._asdict(),
            objective=self.objective,
            chains=len(trajectories),
            censored=main.score.censored,
            incomplete=self.chains.incomplete,
            fidelity_interval=main.score.fidelity_interval,
            extension_ratio=main.score.extension_ratio,
            p_value=None,
            control_false_positive_rate=control,
            metric=metric,
            rule=str(self.rule),
            horizon=self.horizon if is_scored else self.chains.horizon,
            phi_at_generation_0=float(start.mean()) if by_fidelity and start.size else None,
            other_thresholds=self._other_thresholds() if by_fidelity else None,
            mean_over_thresholds=self._mean_over_thresholds() if by_fidelity else None,
            ratio_over_thresholds=intervals.as_estimate(over.ratio),
            p_value_over_thresholds=None,
            masked_share=masked_share,
            reason=remarks.joined(notes),
            pairs=len(self._paired[0]),
        )
        return RawRow(row, main.test.p, over.p, main.test.sd)

    def _score_at(self, limit: float, horizon: int) -> _LimitScore:
        """Return the score by one limit of health, up to a horizon."""
        onsets = restrict(self.chains.trajectories, limit, horizon)
        interval, no_interval = intervals.mean_of(onsets)
        notes = [remarks.NO_COLLAPSE] if onsets.censored.all() else []
        ratio = _NO_RATIO
        if self.objective != self.baseline:
            ratio, ratio_remarks = self._ratio_at(limit, horizon)
            notes += ratio_remarks
        notes += filter(None, (no_interval, ratio.reason))
        censored = int(np.count_nonzero(onsets.censored))
        score = ThresholdScore(fidelity_interval=interval, extension_ratio=ratio.ratio, censored=censored)
        return _LimitScore(score, ratio, notes)

    def _ratio_at(self, limit: float, horizon: int) -> tuple[intervals.RatioTest, list[str]]:
        """Return the extension ratio by one limit of health, and the remarks on it."""
        own, baseline = self._compared
        if not own:
            return intervals.RatioTest(None, None, remarks.NO_PARTNER), []
        numerator, denominator = restrict(own, limit, horizon), restrict(baseline, limit, horizon)
        notes = []
        if self._is_unpaired:
            notes += [remarks.UNPAIRED, *([remarks.FROM_MEAN] if self.rule.by_fidelity else [])]
        elif len(own) < max(len(self.chains.trajectories), len(self.baseline_chains.trajectories)):
            notes.append(f"extension ratio over the {remarks.shared_seeds(len(own))}")
        if censored := int(np.count_nonzero(denominator.censored)):
            notes.append(remarks.censored_as_well(censored, "the baseline's chains"))
        return self._test(numerator, denominator), notes

    def _ratio_over_thresholds(self) -> intervals.RatioTest:
        """Return the ratio of the means over all thresholds of FI."""
        if self.objective == self.baseline or not self._compared[0]:
            return _NO_RATIO
        return self._test(*(restrict_over_thresholds(chains, self.shortest) for chains in self._compared))

    def _test(self, numerator: Restricted, denominator: Restricted) -> intervals.RatioTest:
        return (intervals.unpaired_ratio_of if self._is_unpaired else intervals.ratio_of)(numerator, denominator)

    def _other_thresholds(self) -> dict[str, ThresholdScore]:
        others = (replace(self.rule, limit=tau) for tau in THRESHOLDS if tau != self.rule.limit)
        return {str(rule): self._score_at(rule.least_health, self.shortest).score for rule in others}

    def _mean_over_thresholds(self) -> float:
        return float(restrict_over_thresholds(self.chains.trajectories, self.shortest).times.mean())

    def _masked_share(self) -> float | None:
        """Return the mean over chains of the share masked up to the baseline's onset, or None where it is not known."""
        shares = []
        for own, _, onset in self._up_to_onset():
            share = own.masked[own.generation <= onset]
            known = share[np.isfinite(share)]
            if known.size:
                shares.append(known.mean())
        return float(np.mean(shares)) if shares else None

    def _is_inert(self, masked_share: float | None) -> bool:
        """Return whether the objective was the baseline under another name, up to the baseline's onset.

        It was where it masked nothing and its chains have the values of the baseline's. A loss that only weighs elements
        masks nothing either, but its chains have other values; and so does one that begins to mask in the generation in which
        the baseline falls through the threshold.
        """
        if masked_share != 0 or self.objective == self.baseline:
            return False
        return all(_agree_until(onset, own, baseline) for own, baseline, onset in self._up_to_onset())

    def _remarks(self, masked_share: float | None) -> list[str]:
        notes = remarks.on_chains(self.chains)
        if self.chains.unscored:
            return notes
        notes += remarks.on_curves(self.chains.trajectories, self.rule.least_health)
        if self._is_inert(masked_share):
            notes.append(remarks.inert(in_words(self.baseline)))
        if self.asked is not None:
            notes.append(remarks.horizon_asked(self.asked, self.horizon))
        if self.rule.by_fidelity and self.shortest < self.horizon:
            notes.append(remarks.stopped_at(self.shortest))
        ran_on = any(own.horizon > self.horizon for own in self.chains.trajectories if not own.diverged)
        if ran_on and self.horizon != self.asked:
            notes.append(remarks.restricted_to(self.horizon))
        return notes

    @property
    def _is_unpaired(self) -> bool:
        return self.chains.is_unpaired and bool(self.baseline_chains.trajectories)

    @property
    def _compared(self) -> tuple[list[Trajectory], list[Trajectory]]:
        """The chains whose ratio is taken: of the same seeds, or all of both where no seed is in both."""
        return (self.chains.trajectories, self.baseline_chains.trajectories) if self._is_unpaired else self._paired

    @cached_property
    def _paired(self) -> tuple[list[Trajectory], list[Trajectory]]:
        return pair_by_seed(self.chains.trajectories, self.baseline_chains.trajectories)

    def _up_to_onset(self) -> list[tuple[Trajectory, Trajectory, float]]:
        """Return every own trajectory with the baseline's of the same seed and the baseline's onset, or the horizon."""
        own, baseline = self._paired
        onsets = restrict(baseline, self.rule.least_health, self.horizon).times
        return list(zip(own, baseline, onsets.tolist(), strict=True))


def _agree_until(onset: float, own: Trajectory, baseline: Trajectory) -> bool:
    """Return whether two chains were measured in the same generations up to the baseline's onset, with the same values.

    An onset between two generations is read off both of them, so the later one has to agree as well.
    """
    reached = baseline.generation[baseline.generation >= onset]
    last = reached[0] if reached.size else onset
    early, other = own.generation <= last, baseline.generation <= last
    return np.array_equal(own.generation[early], baseline.generation[other]) and np.allclose(
        own.value[early], baseline.value[other], rtol=SAME_VALUE, atol=0
    )
