"""A threshold of fidelity that control chains seldom cross: set on half of the control seeds, its error measured on the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fortifai.errors import UserError
from fortifai.fidelity.onset import Seed, Trajectory
from fortifai.fidelity.rule import BASELINE, PHI, Rule

LEAST_CONTROLS = 20
"""The fewest seeds of control chains that set a threshold."""

LARGEST = 0.999
"""The largest threshold that is set."""

ROUNDING = 1e-9
"""So that 0.05 of 40 chains are 2 chains, whatever floating point makes of the product."""


@dataclass(frozen=True)
class ChosenThreshold:
    """A rule whose threshold control chains set, and the control seeds that had no part in it."""

    rule: Rule
    held_out: frozenset[Seed]
    remark: str


def choose_threshold(controls: Mapping[Seed, Sequence[Trajectory]], share: float, suite: str) -> ChosenThreshold:
    """Set the threshold of phi so that at most a share of control chains fall below it within their horizon.

    Every other seed sets the threshold: the largest that at most ``share`` of its chains cross. The other seeds are held out,
    to measure the false-positive rate on. A seed is on one side as a whole, since its chains draw the same real data, and for
    the same reason it is seeds that count.

    Args:
        controls: All control chains, of all groups and objectives, by seed.
        share: The share of them that may cross, in (0, 1).
        suite: Name of the suite, for the command that runs more controls.

    Raises:
        UserError: For a share outside (0, 1), for fewer than 20 control seeds, with the command that runs more, and when so
            many controls fall below 0 that no threshold serves.
    """
    if not 0 < share < 1:
        raise UserError(f"--calibrate-threshold {share:g}: the share of control chains that may cross, between 0 and 1")
    seeds = sorted(controls, key=lambda seed: (isinstance(seed, str), seed))
    if len(seeds) < LEAST_CONTROLS:
        raise UserError(
            f"--calibrate-threshold needs control chains of at least {LEAST_CONTROLS} seeds, and there are {len(seeds)}: "
            f"`fortifai run {suite} --strategy control --objective {BASELINE} --seeds {LEAST_CONTROLS}` makes more"
        )
    setting, held_out = seeds[::2], seeds[1::2]
    lowest = np.sort([_lowest_phi(trajectory) for seed in setting for trajectory in controls[seed]])
    # A chain crosses tau when its lowest phi is below it: with tau at the k-th lowest, counted from 0, at most k chains do.
    quantile = lowest[int(share * lowest.size + ROUNDING)]
    # Rounded down to what is printed, so that the printed rule is the one that was used.
    tau = min(np.floor(quantile * 1000) / 1000, LARGEST)
    if tau <= 0:
        raise UserError(f"more than {100 * share:g} % of the control chains lose all fidelity, so no threshold serves")
    remark = (
        f"threshold set so that at most {100 * share:g} % of {lowest.size} control chains ({len(setting)} seeds) cross it; "
        f"their rate is that of the {len(held_out)} others"
    )
    return ChosenThreshold(Rule(PHI, "<", float(tau)), frozenset(held_out), remark)


def _lowest_phi(trajectory: Trajectory) -> float:
    """Return the lowest phi of a chain; minus infinity when it diverged, which crosses any threshold."""
    return -np.inf if trajectory.diverged else float(trajectory.health.min())
