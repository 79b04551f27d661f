"""How often the 95 % intervals of FI and ER hold the truth, on simulated chains whose FI and ER are known.

Onsets are log-normal (sd of the log 0.5, correlation 0.5 between the two chains of a seed), those of the numerator twice as late;
the horizon is where 0, 30 or 60 % of the numerator's chains are still to collapse. The truth is the restricted mean in
closed form. Run with ``python benchmarks/coverage.py``; prints the table of docs/scoring.md.
"""

import argparse
import math
import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fortifai.fidelity.intervals import mean_of, ratio_of
from fortifai.fidelity.onset import Restricted

CHAINS = (3, 5, 10, 20)
CENSORED = (0.0, 0.3, 0.6)
SPREAD, CORRELATION, RATIO, MEDIAN = 0.5, 0.5, 2.0, 10.0

Floats = NDArray[np.float64]


def restricted_mean(median: float, horizon: float) -> float:
    """E[min(T, H)] of a log-normal T."""
    if math.isinf(horizon):
        return median * math.exp(SPREAD**2 / 2)
    at = (math.log(horizon) - math.log(median)) / SPREAD
    below = median * math.exp(SPREAD**2 / 2) * stats.norm.cdf(at - SPREAD)
    return float(below + horizon * stats.norm.sf(at))


def chains(rng: np.random.Generator, n: int, horizon: float) -> tuple[Restricted, Restricted]:
    """Onsets of the baseline and of the numerator, paired by seed, as far as the horizon."""
    logs = rng.multivariate_normal([0, 0], SPREAD**2 * np.array([[1, CORRELATION], [CORRELATION, 1]]), n)
    onsets = np.exp(logs) * [MEDIAN, MEDIAN * RATIO]
    baseline, mine = (Restricted(np.minimum(column, horizon), column > horizon) for column in onsets.T)
    return baseline, mine


def holds(low: float | None, high: float | None, truth: float) -> float:
    """1 when the interval holds the truth, 0 when not, NaN without an interval; an end that is missing is infinite."""
    if low is None and high is None:
        return math.nan
    return float((-math.inf if low is None else low) <= truth <= (math.inf if high is None else high))


def bootstrap(samples: tuple[Floats, ...], truth: float, rng: np.random.Generator, resamples: int) -> float:
    """The same of the BCa bootstrap over chains; one that has no number for an end counts as no interval."""

    def statistic(*columns: Floats, axis: int = -1) -> Floats:
        means = [column.mean(axis=axis) for column in columns]
        return np.asarray(means[0] if len(means) == 1 else means[0] / means[1])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = stats.bootstrap(
            samples, statistic, n_resamples=resamples, paired=len(samples) > 1, vectorized=True, method="BCa", rng=rng
        ).confidence_interval
    ends = found.low, found.high
    return math.nan if np.isnan(ends).any() else holds(*ends, truth)


def cell(rng: np.random.Generator, n: int, censored: float, replicates: int, bca: int, resamples: int) -> list[str]:
    """One row of the table."""
    horizon = RATIO * MEDIAN * math.exp(SPREAD * stats.norm.isf(censored)) if censored else math.inf
    own, theirs = restricted_mean(RATIO * MEDIAN, horizon), restricted_mean(MEDIAN, horizon)
    ours: list[tuple[float, float]] = []
    others: list[tuple[float, float]] = []
    for replicate in range(replicates):
        baseline, mine = chains(rng, n, horizon)
        interval = mean_of(mine)[0]
        ratio = ratio_of(mine, baseline).ratio
        assert ratio is not None
        ours.append((holds(interval.low, interval.high, own), holds(ratio.low, ratio.high, own / theirs)))
        if replicate < bca:
            by_mean = bootstrap((mine.times,), own, rng, resamples)
            others.append((by_mean, bootstrap((mine.times, baseline.times), own / theirs, rng, resamples)))
    measured = [np.array(ours), np.array(others)]
    shares = [f"{np.nanmean(column):.3f}" for both in measured for column in both.T]
    return [str(n), f"{100 * censored:.0f} %", *shares, f"{100 * np.isnan(measured[0][:, 0]).mean():.1f} %"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=4000)
    parser.add_argument("--bca", type=int, default=500, help="how many of them get a bootstrap as well")
    parser.add_argument("--resamples", type=int, default=999)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print("| chains | censored | FI | ER | FI, BCa | ER, BCa | no interval of FI |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for stream, (n, censored) in enumerate((n, censored) for n in CHAINS for censored in CENSORED):
        rng = np.random.default_rng([asked.seed, stream])
        print("| " + " | ".join(cell(rng, n, censored, asked.replicates, asked.bca, asked.resamples)) + " |", flush=True)


if __name__ == "__main__":
    main()
