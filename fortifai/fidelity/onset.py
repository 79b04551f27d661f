"""When a chain collapses: the first crossing of its health below a limit, with what censoring and divergence do to it.

Health is whatever falls as a chain collapses: phi, or a metric with its sign turned so that lower is worse.
Shapes: G measured generations of one chain, K limits, C chains.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Limits = TypeVar("Limits", float, Floats)

Seed = int | str
"""The seed of a chain; text where the data name seeds that are not whole numbers."""

THRESHOLDS = (0.9, 0.75, 0.5)
"""Thresholds of phi that are shown beside the rule's own."""

ALL_THRESHOLDS: Floats = (np.arange(1000) + 0.5) / 1000
"""Midpoints of (0, 1): the mean over them is an integral over the threshold of phi, so that nobody can pick one."""

ROUNDING = 1e-12
"""Relative. Without it, (1 - 0.28) / (1 - 0.2) is below 0.9, and a curve that stays there would collapse at once."""


@dataclass(frozen=True)
class Trajectory:
    """The values of one metric along a chain, as the scorer reads them: up to the first value that is not finite.

    Attributes:
        seed: The chain's seed; trajectories of equal seed are paired.
        generation: The measured generations, (G,), increasing.
        value: The metric itself, (G,), finite.
        health: The metric as health, (G,), finite.
        diverged: Whether the chain ended in a value that is not finite.
        horizon: The last generation asked for.
        masked: Share of elements that the objective masked, (G,), in [0, 1]; NaN where it is not known.
        hold: For how many measured generations in a row health must be below a limit.
    """

    seed: Seed
    generation: Floats
    value: Floats
    health: Floats
    diverged: bool
    horizon: int
    masked: Floats
    hold: int = 1
    _onset_by_limit: dict[float, float] = field(default_factory=dict, compare=False, repr=False)
    _mean_by_horizon: dict[float, float] = field(default_factory=dict, compare=False, repr=False)

    def onset(self, limit: float) -> float:
        """Return the onset by one limit in generations, as `onsets` does; each is worked out once, the usual ones together."""
        if limit not in self._onset_by_limit:
            limits = np.array([limit, *THRESHOLDS])
            self._onset_by_limit.update(zip(limits.tolist(), self.onsets(limits).tolist(), strict=True))
        return self._onset_by_limit[limit]

    def onsets(self, limits: Floats) -> Floats:
        """Return the onset by each of several limits.

        Divergence is a collapse at the last good generation (0 when there is none), unless a crossing came earlier.

        Args:
            limits: Limits of health, (K,).

        Returns:
            Onsets in generations, (K,); infinite where the chain never collapsed within its horizon.
        """
        crossing = first_crossing(self.generation, self.health, limits, self.hold)
        if not self.diverged:
            return crossing
        last_good = self.generation[-1] if self.generation.size else 0.0
        return np.minimum(crossing, last_good)

    def mean_onset(self, horizon: float) -> float:
        """Return the mean over all thresholds of phi in (0, 1) of the onset, at most a horizon, in generations.

        It is the area under the running minimum of phi up to the horizon; each is worked out once.
        """
        if horizon not in self._mean_by_horizon:
            self._mean_by_horizon[horizon] = float(np.minimum(self.onsets(ALL_THRESHOLDS), horizon).mean())
        return self._mean_by_horizon[horizon]

    def touches(self, limit: float) -> bool:
        """Return whether health comes down to a limit and never falls below it."""
        lowest = self.health.min(initial=np.inf)
        return bool(_less_rounding(limit) <= lowest <= limit + ROUNDING * abs(limit))

    def recovers(self, limit: float) -> bool:
        """Return whether health is back at a limit, or above it, in a generation after it first fell below."""
        least = _less_rounding(limit)
        below = _highest_of_next(self.health, self.hold) < least
        return bool(below.any() and not (self.health[below.argmax() :] < least).all())


def first_crossing(generation: Floats, health: Floats, limits: Floats, hold: int = 1) -> Floats:
    """Return where a curve first falls below each limit, linear between its points.

    A curve that starts below crosses at its first point. One that only touches a limit does not cross it, and rounding of
    the last digits counts as touching.

    Args:
        generation: The curve's generations, (G,), increasing.
        health: Its values, (G,).
        limits: The limits, (K,).
        hold: How many points in a row must be below; the curve crosses where the first such row begins.

    Returns:
        Generations, (K,); infinite where the curve never falls below.
    """
    if not generation.size:
        return np.full(limits.shape, np.inf)
    highest = _highest_of_next(health, hold)
    # The first point below a limit is the first at which the running minimum is, and that is sorted.
    lowest_yet = np.minimum.accumulate(np.where(np.isnan(highest), np.inf, highest))
    first = np.searchsorted(-lowest_yet, -_less_rounding(limits), side="right")  # (K,), G where no point is below
    crossed = first < health.size
    first = np.where(crossed, first, 0)
    before = np.maximum(first - 1, 0)
    drop = health[before] - health[first]
    # At the first point there is nothing to interpolate: drop is 0, and the share of the step is irrelevant.
    share = np.divide(health[before] - limits, drop, out=np.zeros(limits.shape), where=drop > 0)
    crossing = generation[before] + share.clip(0, 1) * (generation[first] - generation[before])
    return np.where(crossed, crossing, np.inf)


def _highest_of_next(health: Floats, hold: int) -> Floats:
    """Return the highest of each ``hold`` points in a row, by the first of them, (G,); infinite where fewer are left."""
    if hold == 1:
        return health
    highest = np.full(health.shape, np.inf)
    if health.size >= hold:
        highest[: health.size - hold + 1] = np.lib.stride_tricks.sliding_window_view(health, hold).max(axis=1)
    return highest


def _less_rounding(limits: Limits) -> Limits:
    """Return limits lowered by what rounding may take away."""
    return limits - ROUNDING * abs(limits)


def common_horizon(trajectories: Sequence[Trajectory]) -> int:
    """Return the last generation that all chains were watched to.

    A chain that diverged sets no limit, since nothing is left to watch; with none but such chains, it is the longest horizon.
    """
    watched = [trajectory.horizon for trajectory in trajectories if not trajectory.diverged]
    return min(watched) if watched else max((trajectory.horizon for trajectory in trajectories), default=0)


def known_horizon(trajectories: Sequence[Trajectory], limit: float) -> int:
    """Return the last generation to which the onset of every chain by a limit of health is known.

    A chain that was stopped after its onset, as one that diverged, sets no limit. Where all chains were watched equally long it
    is the `common_horizon`.
    """
    if len({trajectory.horizon for trajectory in trajectories}) < 2:
        return common_horizon(trajectories)
    open_ends = [trajectory for trajectory in trajectories if np.isinf(trajectory.onset(limit))]
    if open_ends:
        return common_horizon(open_ends)
    watched = [trajectory.horizon for trajectory in trajectories if not trajectory.diverged]
    return max(watched) if watched else common_horizon(trajectories)


class Horizons(NamedTuple):
    """The generations up to which the chains of a group are scored.

    ``by_rule``: by the rule, the last to which all onsets are known. ``watched``: by other thresholds, which a chain that was
    stopped after its onset may not have crossed yet, the last that all were watched to.
    """

    by_rule: int
    watched: int


def scored_horizons(trajectories: Sequence[Trajectory], limit: float, asked: int | None) -> Horizons:
    """Return the horizons of a group, for a rule with a limit of health; ``asked``: a generation not to look beyond, or None."""
    known = known_horizon(trajectories, limit)
    by_rule = known if asked is None else min(asked, known)
    return Horizons(by_rule, min(by_rule, common_horizon(trajectories)))


class Restricted(NamedTuple):
    """Onsets of chains cut at a horizon.

    ``times``: onsets in generations, at most the horizon, (C,). ``censored``: whether the chain lasted beyond it, (C,).
    """

    times: Floats
    censored: NDArray[np.bool_]


def restrict(trajectories: Sequence[Trajectory], limit: float, horizon: int) -> Restricted:
    """Return the onsets of C trajectories by one limit of health, as far as a horizon.

    A chain that collapses later is censored at the horizon.
    """
    onsets = np.array([trajectory.onset(limit) for trajectory in trajectories], dtype=float)
    return Restricted(np.minimum(onsets, horizon), onsets > horizon)


def restrict_over_thresholds(trajectories: Sequence[Trajectory], horizon: int) -> Restricted:
    """Return the mean over all thresholds of phi of the onsets of C trajectories, as far as a horizon.

    A chain counts as censored when it has not lost half of its fidelity by then: most thresholds have not been crossed.
    """
    means = np.array([trajectory.mean_onset(horizon) for trajectory in trajectories], dtype=float)
    return Restricted(means, restrict(trajectories, 0.5, horizon).censored)


def pair_by_seed(first: Sequence[Trajectory], second: Sequence[Trajectory]) -> tuple[list[Trajectory], list[Trajectory]]:
    """Return the trajectories of two sets for the seeds that both have, both in the order of the first."""
    partners = {trajectory.seed: trajectory for trajectory in second}
    paired = [trajectory for trajectory in first if trajectory.seed in partners]
    return paired, [partners[trajectory.seed] for trajectory in paired]
