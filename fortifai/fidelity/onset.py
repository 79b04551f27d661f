"""When a chain collapses: the first crossing of its health below a limit, with what censoring and divergence do to it.

Health is whatever falls as a chain collapses: phi, or a metric with its sign turned so that lower is worse.
Arrays: G measured generations of one chain, K limits, C chains.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROUNDING = 1e-12
"""Relative. Without it, (1 - 0.28) / (1 - 0.2) is below 0.9, and a curve that stays there would collapse at once."""


@dataclass(frozen=True)
class Course:
    """One chain as the scorer sees it.

    ``generation`` (G, increasing) and ``health`` (G, finite) run up to the first value that is not finite. ``diverged``: the
    chain ended there. ``horizon``: the last generation asked for. ``masked`` (G, may be NaN): share of elements masked.
    """

    seed: int | str
    generation: Floats
    health: Floats
    diverged: bool
    horizon: int
    masked: Floats

    def onsets(self, limits: Floats) -> Floats:
        """Onset (K) by each limit, in generations; infinite where the chain never collapsed within its horizon.

        Divergence is a collapse at the last good generation (0 when there is none), unless a crossing came earlier.
        """
        crossing = first_crossing(self.generation, self.health, limits)
        if not self.diverged:
            return crossing
        last_good = self.generation[-1] if self.generation.size else 0.0
        return np.minimum(crossing, last_good)


def first_crossing(generation: Floats, health: Floats, limits: Floats) -> Floats:
    """Where (K) a curve (G) first falls below each limit (K), linear between its points; infinite where it never does.

    A curve that starts below crosses at its first point. One that only touches a limit does not cross it, and rounding of
    the last digits counts as touching.
    """
    if not generation.size:
        return np.full(limits.shape, np.inf)
    below = health[None, :] < _strictly(limits)[:, None]  # (K, G)
    first = below.argmax(axis=1)
    before = np.maximum(first - 1, 0)
    drop = health[before] - health[first]
    # At the first point there is nothing to interpolate: drop is 0, and the share of the step is irrelevant.
    share = np.divide(health[before] - limits, drop, out=np.zeros(limits.shape), where=drop > 0)
    crossing = generation[before] + share.clip(0, 1) * (generation[first] - generation[before])
    return np.where(below.any(axis=1), crossing, np.inf)


def touches(health: Floats, limit: float) -> bool:
    """Whether a curve (G) comes down to a limit and never falls below it."""
    limits = np.array([limit])
    lowest = health.min(initial=np.inf)
    return bool(_strictly(limits)[0] <= lowest <= limit + ROUNDING * abs(limit))


def recovers(health: Floats, limit: float) -> bool:
    """Whether a curve (G) is back at a limit, or above it, in a generation after it first fell below."""
    below = health < _strictly(np.array([limit]))[0]
    return bool(below.any() and not below[below.argmax() :].all())


def _strictly(limits: Floats) -> Floats:
    """The limits, lowered by what rounding may take away."""
    return limits - ROUNDING * np.abs(limits)


def common_horizon(courses: Sequence[Course]) -> int:
    """The last generation that all chains were watched to.

    A chain that diverged sets no limit, since nothing is left to watch; with none but such chains, it is the longest horizon.
    """
    watched = [course.horizon for course in courses if not course.diverged]
    return min(watched) if watched else max((course.horizon for course in courses), default=0)


class Restricted(NamedTuple):
    """Onsets of chains (C) cut at a horizon, and whether each is censored there."""

    times: Floats
    censored: NDArray[np.bool_]


def restrict(courses: Sequence[Course], limit: float, horizon: int) -> Restricted:
    """Onsets by one limit, as far as the horizon. A chain that collapses later is censored at it."""
    onsets = np.array([course.onsets(np.array([limit]))[0] for course in courses], dtype=float)
    return Restricted(np.minimum(onsets, horizon), onsets > horizon)
