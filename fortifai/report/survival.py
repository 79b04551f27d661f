"""The survival curve of the onset of collapse."""

import numpy as np

from fortifai.fidelity.onset import Floats, Restricted


def steps(onsets: Restricted, horizon: float) -> tuple[Floats, Floats]:
    """Return the corners of the survival curve, for a step line.

    Chains are censored at the horizon alone, so that the Kaplan-Meier estimate is the share of chains whose onset is later.

    Args:
        onsets: Onsets of C chains.
        horizon: Where the line ends, in generations.

    Returns:
        Generations from 0 to the horizon, (N,), and the share of chains in [0, 1] that is still faithful after each, (N,).
    """
    ended = np.sort(onsets.times[~onsets.censored])
    generation = np.unique([0.0, *ended, float(horizon)])
    lost = np.searchsorted(ended, generation, side="right")
    return generation, 1 - lost / onsets.times.size
