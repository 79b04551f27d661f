"""A threshold of fidelity that control chains seldom cross, and how often those cross it that it was not set by."""

from dataclasses import dataclass

import numpy as np

from fortifai.errors import UserError
from fortifai.fidelity.onset import Course
from fortifai.fidelity.rule import PHI, Rule

LEAST_CONTROLS = 20
LARGEST = 0.999
ROUNDING = 1e-9
"""0.05 of 40 chains are 2 of them, whatever floats say."""


@dataclass(frozen=True)
class Calibrated:
    """The threshold, and the control seeds by which it was not set."""

    rule: Rule
    held_out: frozenset[int | str]
    text: str


def calibrate(courses: dict[int | str, list[Course]], share: float, suite: str) -> Calibrated:
    """Set the threshold of phi so that at most a share of control chains fall below it within their horizon.

    ``courses`` holds all control chains (of all groups and objectives) by seed. Every other seed sets the threshold: the
    largest that at most ``share`` of its chains cross. The other seeds stay apart, to measure the false-positive rate on. A
    seed is on one side as a whole, since its chains draw the same real data, and for the same reason it is seeds that count.

    Raises UserError for a share outside (0, 1), for fewer than 20 control seeds, saying how to get more, and when so many
    controls fall below 0 that no threshold serves.
    """
    if not 0 < share < 1:
        raise UserError(f"--calibrate-threshold {share:g}: the share of control chains that may cross, between 0 and 1")
    seeds = sorted(courses, key=lambda seed: (isinstance(seed, str), seed))
    if len(seeds) < LEAST_CONTROLS:
        raise UserError(
            f"--calibrate-threshold needs control chains of at least {LEAST_CONTROLS} seeds, and there are {len(seeds)}: "
            f"`fortifai run {suite} --strategy control --objective ce --seeds {LEAST_CONTROLS}` makes more"
        )
    setting, held_out = seeds[::2], seeds[1::2]
    lowest = np.sort([_lowest(course) for seed in setting for course in courses[seed]])
    # A chain crosses tau when its lowest phi is below it: with tau at the k-th lowest, counted from 0, at most k chains do.
    at = lowest[int(share * lowest.size + ROUNDING)]
    # Rounded down to what is printed, so that the printed rule is the one that was used.
    tau = min(np.floor(at * 1000) / 1000, LARGEST)
    if tau <= 0:
        raise UserError(f"more than {100 * share:g} % of the control chains lose all fidelity, so no threshold serves")
    text = f"threshold set so that at most {100 * share:g} % of {lowest.size} control chains ({len(setting)} seeds) cross it"
    return Calibrated(
        Rule(PHI, "<", float(tau)), frozenset(held_out), f"{text}; their rate is that of the {len(held_out)} others"
    )


def _lowest(course: Course) -> float:
    """The lowest phi of a chain; minus infinity when it diverged, which crosses any threshold."""
    return -np.inf if course.diverged else float(course.health.min())
