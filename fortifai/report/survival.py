"""The Kaplan-Meier curve of the onset of collapse."""

from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time

from fortifai.fidelity.onset import Floats, Restricted


def kaplan_meier(onsets: Restricted) -> KaplanMeierFitter:
    """Return the fitted survival curve of C onsets; a chain that is censored at the horizon is still faithful there."""
    return KaplanMeierFitter().fit(onsets.times, event_observed=~onsets.censored)


def steps(onsets: Restricted, horizon: float) -> tuple[Floats, Floats]:
    """Return the corners of the survival curve, for a step line.

    Args:
        onsets: Onsets of C chains.
        horizon: Where the line ends, in generations.

    Returns:
        Generations from 0 to the horizon, (N,), and the share of chains in [0, 1] that is still faithful after each, (N,).
    """
    curve = kaplan_meier(onsets).survival_function_["KM_estimate"]
    generation, share = curve.index.to_numpy(float), curve.to_numpy(float)
    if generation[-1] < horizon:
        generation, share = [*generation, horizon], [*share, share[-1]]
    return generation, share


def restricted_mean(onsets: Restricted, horizon: float) -> float:
    """Return the area under the survival curve up to a horizon, in generations: FI, by another road."""
    return float(restricted_mean_survival_time(kaplan_meier(onsets), t=horizon))
