"""How often 95 % intervals of FI and ER hold the truth, how wide they are, and how often p is below 0.05 where nothing differs.

Chains are simulated whose FI and ER are known. The baseline's and the objective's onset of a seed come from one law, by normal
scores that correlate by 0.5; the objective's is twice as late. Laws of the onset, with a median of 10 generations:

    log-normal   sd of the log 0.198, which is a coefficient of variation of 0.2
    log-t        0.198 times Student's t of 3 degrees of freedom: heavy tails on both sides
    early        log-normal, and 15 % of the chains collapse at a tenth of that

The horizon lies at ten medians of the objective, or where 30 or 60 % of its chains have not collapsed. The truth is the
restricted mean, by quadrature. Methods, all with the chain as their unit:

    ours         what fortifai.fidelity.intervals does: t on the log, jackknifed
    winsorised   the same, with the most extreme value at either end replaced by the next one, and Yuen's degrees of freedom
    bootstrap-t  quantiles of 599 studentised resamples of the log in place of t's
    BCa          the bias-corrected and accelerated bootstrap of 599 resamples, as SciPy has it

``python benchmarks/interval_coverage.py --csv benchmarks/interval_coverage.csv`` prints the tables of docs/scoring.md.
"""

import argparse
import csv
import math
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, special, stats

from fortifai.fidelity.intervals import mean_of, ratio_of
from fortifai.fidelity.onset import Restricted

CHAINS = (3, 5, 7, 10, 12)
CENSORED = (0.0, 0.3, 0.6)
SPREAD, CORRELATION, RATIO, MEDIAN = math.sqrt(math.log(1.04)), 0.5, 2.0, 10.0
EARLY_SHARE, EARLY_AT = 0.15, 0.1
COMPARED = (5, 10)
"""The numbers of chains for which all methods are printed."""

FAR = 10.0
"""The horizon where nothing is censored on purpose, in medians of the objective: without one, log-t has no mean."""

LARGEST_LOG = 50.0
"""Beyond every horizon, and below what overflows."""

HEADINGS = ("onsets", "chains", "censored", "method", "FI", "ER", "width of FI", "width of ER", "p < 0.05", "no interval")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """Ends of an interval, NaN where there is none, infinite where one is left open; the p of the value 1."""

    low: float
    high: float
    p: float = math.nan


NO_INTERVAL = Interval(math.nan, math.nan)
Method = Callable[[Floats, Floats, float, np.random.Generator], tuple[Interval, Interval, Interval]]
"""Onsets of the objective and the baseline, (C,) each, and the horizon, to intervals of FI, of ER, and of ER without effect."""


def _early(score: Floats) -> Floats:
    share = special.ndtr(score)
    is_early = share < EARLY_SHARE
    own = np.where(is_early, share / EARLY_SHARE, (share - EARLY_SHARE) / (1 - EARLY_SHARE))
    return np.asarray(np.where(is_early, EARLY_AT, 1.0) * np.exp(SPREAD * special.ndtri(own)))


LAWS: dict[str, Callable[[Floats], Floats]] = {
    "log-normal": lambda score: np.exp(SPREAD * score),
    "log-t": lambda score: np.exp(np.minimum(SPREAD * special.stdtrit(3, special.ndtr(score)), LARGEST_LOG)),
    "early": _early,
}
"""The onset by its normal score, with a median of about 1."""


def restricted_mean(law: Callable[[Floats], Floats], horizon: float) -> float:
    """Return E[min(T, horizon)] of a law at its own scale."""
    breaks = [float(special.ndtri(EARLY_SHARE))]
    whole, _ = integrate.quad(
        lambda z: min(float(law(np.asarray(z))), horizon) * stats.norm.pdf(z), -8, 8, points=breaks, limit=400
    )
    return float(whole)


def ours(own: Floats, baseline: Floats, horizon: float, rng: np.random.Generator) -> tuple[Interval, Interval, Interval]:
    onsets = [Restricted(np.minimum(times, horizon), times > horizon) for times in (own, baseline, own / RATIO)]
    mean = mean_of(onsets[0])[0]
    tests = [ratio_of(onsets[0], onsets[1]), ratio_of(onsets[2], onsets[1])]
    ratios = [
        NO_INTERVAL if test.ratio is None or test.p is None else _open(test.ratio.low, test.ratio.high, test.p) for test in tests
    ]
    return _open(mean.low, mean.high), ratios[0], ratios[1]


def _open(low: float | None, high: float | None, p: float = math.nan) -> Interval:
    if low is None and high is None:
        return NO_INTERVAL
    return Interval(-math.inf if low is None else low, math.inf if high is None else high, p)


def _log_and_pseudo_values(own: Floats, baseline: Floats) -> tuple[Floats, Floats]:
    """Return log ratios of means, (...,), and their jackknife pseudo-values, (..., C)."""
    n = own.shape[-1]
    sums = [times.sum(axis=-1, keepdims=True) for times in (own, baseline)]
    whole = np.log(sums[0] / sums[1])
    left_out = np.log((sums[0] - own) / (sums[1] - baseline))
    return whole[..., 0], n * whole - (n - 1) * left_out


def winsorised(own: Floats, baseline: Floats, horizon: float, rng: np.random.Generator) -> tuple[Interval, Interval, Interval]:
    own, baseline, still = (np.minimum(times, horizon) for times in (own, baseline, own / RATIO))

    def interval(times: Floats, others: Floats) -> Interval:
        log, pseudo = _log_and_pseudo_values(times, others)
        n, cut = pseudo.size, 1 if pseudo.size >= 5 else 0
        ordered = np.sort(pseudo)
        pulled = np.clip(pseudo, ordered[cut], ordered[n - 1 - cut])
        error = np.std(pulled, ddof=1) * (n - 1) / (n - 2 * cut - 1) / math.sqrt(n)
        return _by_t(float(log), float(error), n - 2 * cut - 1)

    return interval(own, np.ones_like(own)), interval(own, baseline), interval(still, baseline)


def _by_t(log: float, error: float, freedom: float) -> Interval:
    if not error > 1e-9:
        return NO_INTERVAL
    half = float(special.stdtrit(freedom, 0.975)) * error
    return Interval(math.exp(log - half), math.exp(log + half), float(2 * special.stdtr(freedom, -abs(log) / error)))


def bootstrap_t(own: Floats, baseline: Floats, horizon: float, rng: np.random.Generator) -> tuple[Interval, Interval, Interval]:
    own, baseline, still = (np.minimum(times, horizon) for times in (own, baseline, own / RATIO))
    n = own.size
    drawn = rng.integers(n, size=(599, n))

    def interval(times: Floats, others: Floats) -> Interval:
        log, pseudo = _log_and_pseudo_values(times, others)
        error = np.std(pseudo, ddof=1) / math.sqrt(n)
        logs, pseudos = _log_and_pseudo_values(times[drawn], others[drawn])
        errors = np.std(pseudos, axis=-1, ddof=1) / math.sqrt(n)
        usable = errors > 1e-9
        if not error > 1e-9 or usable.mean() < 0.5:
            return NO_INTERVAL
        studentised = (logs[usable] - log) / errors[usable]
        low, high = log - error * np.quantile(studentised, [0.975, 0.025])
        p = 2 * min((studentised <= log / error).mean(), (studentised >= log / error).mean())
        return Interval(math.exp(low), math.exp(min(high, LARGEST_LOG)), min(1.0, float(p)))

    return interval(own, np.ones_like(own)), interval(own, baseline), interval(still, baseline)


def bca(own: Floats, baseline: Floats, horizon: float, rng: np.random.Generator) -> tuple[Interval, Interval, Interval]:
    own, baseline = (np.minimum(times, horizon) for times in (own, baseline))

    def interval(*samples: Floats) -> Interval:
        def statistic(*columns: Floats, axis: int = -1) -> Floats:
            means = [column.mean(axis=axis) for column in columns]
            return np.asarray(means[0] if len(means) == 1 else means[0] / means[1])

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ends = stats.bootstrap(
                samples, statistic, n_resamples=599, paired=len(samples) > 1, vectorized=True, method="BCa", rng=rng
            ).confidence_interval
        return NO_INTERVAL if np.isnan([ends.low, ends.high]).any() else Interval(float(ends.low), float(ends.high))

    return interval(own), interval(own, baseline), NO_INTERVAL


METHODS: dict[str, Method] = {"ours": ours, "winsorised": winsorised, "bootstrap-t": bootstrap_t, "BCa": bca}


def cell(
    law_name: str,
    n: int,
    censored: float,
    replicates: int,
    resampled: int,
    seed: tuple[int, ...],
    methods: dict[str, Method] = METHODS,
) -> list[tuple[str, ...]]:
    """Return the rows of one law, number of chains and share of censoring: one for each method, all on the same chains."""
    law = LAWS[law_name]
    late = float(law(np.asarray(special.ndtri(1 - censored)))) if censored else FAR
    horizon = RATIO * MEDIAN * late
    truths = [scale * restricted_mean(law, horizon / scale) for scale in (RATIO * MEDIAN, MEDIAN)]
    fi, er = truths[0], truths[0] / truths[1]
    rows = []
    for name, method in methods.items():
        rng = np.random.default_rng(seed)  # the same chains for every method
        resampling = np.random.default_rng([*seed, 1])
        count = replicates if name in ("ours", "winsorised") else resampled
        scores = rng.multivariate_normal([0, 0], [[1, CORRELATION], [CORRELATION, 1]], (replicates, n))[:count]
        onsets = law(scores) * [MEDIAN, RATIO * MEDIAN]
        results = [method(own, baseline, horizon, resampling) for baseline, own in np.moveaxis(onsets, -1, 1)]
        holds = np.array([[_holds(r[0], fi), _holds(r[1], er)] for r in results])
        widths = np.array([[_width(r[0]), _width(r[1])] for r in results])
        p = np.array([r[2].p for r in results])
        shares = [f"{value:.3f}" for value in np.nanmean(holds, axis=0)]
        sizes = [f"{value:.2f}" for value in np.nanmedian(widths, axis=0)]
        false = "–" if np.isnan(p).all() else f"{np.nanmean(np.where(np.isnan(p), np.nan, p < 0.05)):.3f}"
        none = f"{100 * np.isnan(holds[:, 0]).mean():.1f} %"
        rows.append((law_name, str(n), f"{100 * censored:.0f} %", name, *shares, *sizes, false, none))
    return rows


def _holds(interval: Interval, truth: float) -> float:
    return math.nan if math.isnan(interval.low) else float(interval.low <= truth <= interval.high)


def _width(interval: Interval) -> float:
    """Return the width on the log scale."""
    return math.log(interval.high / interval.low) if interval.low > 0 else math.nan


def by_chains(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the table of our own method, a column for each number of chains."""
    own = {(row[0], row[2], int(row[1])): row for row in rows if row[3] == "ours"}
    lines = ["| onsets | censored | " + " | ".join(f"{n} chains" for n in CHAINS) + " |", "|---|---:|" + "---|" * len(CHAINS)]
    for law, censored in dict.fromkeys(key[:2] for key in own):
        cells = [" / ".join(own[law, censored, n][index] for index in (4, 5, 8)) for n in CHAINS]
        lines.append(f"| {law} | {censored} | " + " | ".join(cells) + " |")
    return lines


def by_method(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the table of all methods for five and ten chains."""
    lines = ["| onsets | censored | method | " + " | ".join(f"{n} chains" for n in COMPARED) + " |", "|---|---:|---|---|---|"]
    cells = {(row[0], row[2], row[3], int(row[1])): row for row in rows if row[2] != "60 %"}
    for law, censored, method in dict.fromkeys(key[:3] for key in cells):
        both = [cells[law, censored, method, n] for n in COMPARED]
        lines.append(
            f"| {law} | {censored} | {method} | " + " | ".join(f"{r[4]} / {r[5]} ({r[6]} / {r[7]})" for r in both) + " |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=4000)
    parser.add_argument("--resampled", type=int, default=1000, help="how many of them the bootstraps get")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="write all that was measured here")
    asked = parser.parse_args()
    rows: list[tuple[str, ...]] = []
    for stream, (name, n, censored) in enumerate((name, n, censored) for name in LAWS for censored in CENSORED for n in CHAINS):
        rows += cell(name, n, censored, asked.replicates, asked.resampled, (asked.seed, stream))
        print(f"{name}, {n} chains, {100 * censored:.0f} % censored", file=sys.stderr, flush=True)
    print("\n".join([*by_chains(rows), "", *by_method(rows)]))
    if asked.csv:
        with asked.csv.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEADINGS, *rows])


if __name__ == "__main__":
    main()
