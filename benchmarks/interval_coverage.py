"""How often the 95 % intervals of FI and ER hold the truth, on simulated chains whose FI and ER are known.

Onsets follow a law (sd of the log 0.5, correlation 0.5 between the normal scores of the two chains of a seed), those of the
numerator twice as late; the horizon is where 0, 30 or 60 % of the numerator's chains are still to collapse. The truth is the
restricted mean in closed form. The logs of log-normal onsets are symmetric, those of Weibull onsets have a skewness of -1.14:
some chains collapse very early. Prints the table of docs/scoring.md:
``python benchmarks/interval_coverage.py --csv benchmarks/interval_coverage.csv``.
"""

import argparse
import csv
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from fortifai.fidelity.intervals import mean_of, ratio_of
from fortifai.fidelity.onset import Restricted

CHAINS = (3, 5, 10, 20)
CENSORED = (0.0, 0.3, 0.6)
SPREAD, CORRELATION, RATIO, SCALE = 0.5, 0.5, 2.0, 10.0
SHAPE = math.pi / (SPREAD * math.sqrt(6))
"""Of the Weibull law: the logarithm has the same spread as the log-normal's."""
HEADINGS = ("onsets", "chains", "censored", "FI", "ER", "FI, BCa", "ER, BCa", "no interval of FI")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """How onsets are distributed at a scale of 1: onset by normal score, and E[min(T, H)]."""

    onset: Callable[[Floats], Floats]
    restricted_mean: Callable[[float], float]


def _log_normal_mean(horizon: float) -> float:
    whole = math.exp(SPREAD**2 / 2)
    if math.isinf(horizon):
        return whole
    at = math.log(horizon) / SPREAD
    return float(whole * stats.norm.cdf(at - SPREAD) + horizon * stats.norm.sf(at))


def _weibull_mean(horizon: float) -> float:
    # The integral of exp(-t^k) from 0 to the horizon.
    return float(special.gamma(1 + 1 / SHAPE) * special.gammainc(1 / SHAPE, horizon**SHAPE))


LAWS = {
    "log-normal": Law(lambda z: np.exp(SPREAD * z), _log_normal_mean),
    "Weibull": Law(lambda z: np.asarray((-special.log_ndtr(-z)) ** (1 / SHAPE)), _weibull_mean),
}


def chains(law: Law, rng: np.random.Generator, n: int, horizon: float) -> tuple[Restricted, Restricted]:
    """Onsets of the baseline and of the numerator, paired by seed, as far as the horizon."""
    scores = rng.multivariate_normal([0, 0], np.array([[1, CORRELATION], [CORRELATION, 1]]), n)
    onsets = law.onset(scores) * [SCALE, SCALE * RATIO]
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


def cell(
    name: str, rng: np.random.Generator, n: int, censored: float, replicates: int, bca: int, resamples: int
) -> tuple[str, ...]:
    """One row of the table."""
    law = LAWS[name]
    late = float(law.onset(np.asarray(stats.norm.isf(censored)))) if censored else math.inf
    horizon = RATIO * SCALE * late
    own, theirs = (scale * law.restricted_mean(horizon / scale) for scale in (RATIO * SCALE, SCALE))
    ours: list[tuple[float, float]] = []
    others: list[tuple[float, float]] = []
    for replicate in range(replicates):
        baseline, mine = chains(law, rng, n, horizon)
        interval = mean_of(mine)[0]
        ratio = ratio_of(mine, baseline).ratio
        assert ratio is not None
        ours.append((holds(interval.low, interval.high, own), holds(ratio.low, ratio.high, own / theirs)))
        if replicate < bca:
            by_mean = bootstrap((mine.times,), own, rng, resamples)
            others.append((by_mean, bootstrap((mine.times, baseline.times), own / theirs, rng, resamples)))
    measured = [np.array(both, dtype=float).reshape(-1, 2) for both in (ours, others)]
    shares = [f"{np.nanmean(column):.3f}" if column.size else "" for both in measured for column in both.T]
    return (name, str(n), f"{100 * censored:.0f} %", *shares, f"{100 * np.isnan(measured[0][:, 0]).mean():.1f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=4000)
    parser.add_argument("--bca", type=int, default=500, help="how many of them get a bootstrap as well")
    parser.add_argument("--resamples", type=int, default=999)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="write the table here as well")
    asked = parser.parse_args()
    rows = []
    print("| " + " | ".join(HEADINGS) + " |")
    print("|---|" + "---:|" * (len(HEADINGS) - 1))
    cells = [(name, n, censored) for name in LAWS for n in CHAINS for censored in CENSORED]
    for stream, (name, n, censored) in enumerate(cells):
        rng = np.random.default_rng([asked.seed, stream])
        rows.append(cell(name, rng, n, censored, asked.replicates, asked.bca, asked.resamples))
        print("| " + " | ".join(rows[-1]) + " |", flush=True)
    if asked.csv:
        with asked.csv.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEADINGS, *rows])


if __name__ == "__main__":
    main()
