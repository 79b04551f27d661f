"""The wording of the remarks on a score: why something is missing, and what should be read with care.

Imports nothing when it runs, so that the command line may count things without waiting for NumPy.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fortifai.fidelity.onset import Trajectory
    from fortifai.fidelity.scores import Estimate
    from fortifai.fidelity.trajectories.groups import Chains

NO_COLLAPSE = "no chain collapsed within the horizon"
SINGLE_GENERATION = "a single generation, in which no onset can be seen"
NO_PARTNER = "no extension ratio: no baseline chain of the same seed"

INERT, THRESHOLD_DECIDES, NO_DIFFERENCE = "inert", "the threshold decides", "no difference seen"
"""What remarks begin with that a sentence on the row says in full (`fortifai.report.sentences`)."""

BETWEEN = "; "
"""What stands between the remarks on a row."""


def joined(remarks: Iterable[str]) -> str | None:
    """Return remarks as one text, each once, or None without any."""
    return BETWEEN.join(dict.fromkeys(remarks)) or None


def counted(number: int, thing: str) -> str:
    """Return a number of things, such as ``1 chain`` and ``2 chains``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def shared_seeds(number: int) -> str:
    """Return the seeds by which two sets of chains are paired, such as ``2 seeds that both have``."""
    return f"{counted(number, 'seed')} that both have"


def censored_as_well(number: int, whose: str) -> str:
    """Return the remark on censored chains in a denominator; ``whose``: such as ``the baseline's chains``."""
    return f"{number} of {whose} {'is' if number == 1 else 'are'} censored as well"


def inert(baseline: str) -> str:
    """Return the remark on an objective that masked nothing, and whose values were the baseline's, until the baseline's onset.

    ``baseline``: what training by the baseline is called in a sentence, such as ``cross entropy``.
    """
    return f"{INERT}: masked nothing before the baseline's onset, so it was {baseline}"


def side_of_1(ratio: "Estimate") -> str:
    """Return where an interval lies: ``above 1``, ``below 1``, or ``not told from 1`` where it holds 1 or there is none."""
    if ratio.low is not None and ratio.low > 1:
        return "above 1"
    return "below 1" if ratio.high is not None and ratio.high < 1 else "not told from 1"


def disagreement(by_rule: "Estimate | None", over_thresholds: "Estimate | None", rule: str) -> str | None:
    """Return the remark on a ratio whose interval lies on another side of 1 by the rule than over all thresholds, or None."""
    if by_rule is None or over_thresholds is None or by_rule.low is None or over_thresholds.low is None:
        return None
    own, all_of_them = (side_of_1(ratio) for ratio in (by_rule, over_thresholds))
    if own == all_of_them:
        return None
    return f"{THRESHOLD_DECIDES}: the ratio is {own} by {rule}, and {all_of_them} over all thresholds"


def unseen(visible: float, chains: int, comparisons: int) -> str:
    """Return the remark on a comparison without a difference: from which ratio on one would have been found."""
    among = f" and {counted(comparisons, 'comparison')}" if comparisons > 1 else ""
    with_these = f"with {counted(chains, 'chain')} of this spread{among}"
    return f"{NO_DIFFERENCE}: {with_these}, an ER is found with a chance of 80 % from {visible:.3g} on, or below its inverse"


UNPAIRED = "unpaired: no seed in common with the baseline, so the ratio is of two separate means, with an unpaired interval"
FROM_MEAN = "phi is measured from the mean of the baseline's generation 0"


def horizon_asked(asked: int, horizon: int) -> str:
    """Return the remark on a horizon that was asked for, and the one that there was."""
    if asked > horizon:
        return f"a horizon of {asked} was asked for, and the chains were watched to {horizon}"
    return f"restricted to generation {horizon}, as asked"


def stopped_at(horizon: int) -> str:
    """Return the remark on other thresholds where a chain was stopped after its onset by the rule."""
    return f"a chain was stopped at generation {horizon}, after its onset: the scores by other thresholds end there"


def restricted_to(horizon: int) -> str:
    """Return the remark on chains that ran further than the others of their group."""
    return f"restricted to generation {horizon}, the horizon that all chains of the group have in common"


def on_chains(chains: "Chains") -> list[str]:
    """Return what there is to remark on the chains of one objective: which do not count, and what they lack."""
    remarks = []
    if chains.unscored:
        remarks.append(chains.unscored)
    elif not chains.trajectories:
        lacking = "no null for this metric here" if chains.without_null else "no finished chain"
        nothing = "no chain with a baseline" if chains.without_baseline else lacking
        remarks.append(f"unscored: {SINGLE_GENERATION if chains.single_generation else nothing}")
    elif chains.single_generation:
        remarks.append(_incomplete(chains.single_generation, f"of {SINGLE_GENERATION},"))
    if chains.without_start:
        remarks.append(_incomplete(chains.without_start, "without generation 0"))
    if chains.bridged:
        remarks.append(f"{counted(chains.bridged, 'missing generation')} bridged")
    if chains.without_null and (chains.trajectories or chains.without_baseline):
        remarks.append(f"left out for want of a null: seed {', '.join(chains.without_null)}")
    if chains.without_baseline:
        seeds = ", ".join(chains.without_baseline)
        remarks.append(f"left out for want of a baseline's generation 0 of the same seed: seed {seeds}")
    return remarks


def on_divergence(trajectories: Sequence["Trajectory"], of: str = "") -> str | None:
    """Return how many chains diverged, or None without any; ``of``: whose they are, such as ``of A``."""
    lost = sum(trajectory.diverged for trajectory in trajectories)
    return f"{lost} of {len(trajectories)} chains {of and of + ' '}diverged (NaN or infinite)" if lost else None


def on_curves(trajectories: Sequence["Trajectory"], limit: float) -> list[str]:
    """Return what there is to remark on the shapes of curves, which an onset by one limit of health does not tell."""
    remarks = [remark for remark in [on_divergence(trajectories)] if remark]
    if touching := sum(not trajectory.diverged and trajectory.touches(limit) for trajectory in trajectories):
        touch = "1 chain touches" if touching == 1 else f"{touching} chains touch"
        remarks.append(f"{touch} the threshold without crossing it")
    if back := sum(trajectory.recovers(limit) for trajectory in trajectories):
        come = "1 chain comes back" if back == 1 else f"{back} chains come back"
        whose = "its" if back == 1 else "their"
        remarks.append(f"{come} over the threshold after {whose} onset, which is the first crossing")
    return remarks


def _incomplete(number: int, which: str) -> str:
    return f"{counted(number, 'chain')} {which} {'counts' if number == 1 else 'count'} as incomplete"
