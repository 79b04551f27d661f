"""The Kaplan-Meier curve of the onset of collapse."""

from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time

from fortifai.fidelity.onset import Floats, Restricted


def kaplan_meier(onsets: Restricted) -> KaplanMeierFitter:
    """Fit the survival curve of the onsets (C); a chain that is censored at the horizon is still faithful there."""
    return KaplanMeierFitter().fit(onsets.times, event_observed=~onsets.censored)


def steps(onsets: Restricted, horizon: float) -> tuple[Floats, Floats]:
    """Generations and the share of chains still faithful after each, from 0 to the horizon, for a step line."""
    curve = kaplan_meier(onsets).survival_function_["KM_estimate"]
    generation, share = curve.index.to_numpy(float), curve.to_numpy(float)
    if generation[-1] < horizon:
        generation, share = [*generation, horizon], [*share, share[-1]]
    return generation, share


def restricted_mean(onsets: Restricted, horizon: float) -> float:
    """Area under the curve up to the horizon: FI, by another road."""
    return float(restricted_mean_survival_time(kaplan_meier(onsets), t=horizon))
