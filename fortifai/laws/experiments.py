"""Which laws are checked, at which settings. An experiment runs its chains once, and all its checks read the same chains."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from fortifai.laws import closed_forms as theory
from fortifai.laws.anchored_spread import expected_growth, spread_after
from fortifai.laws.monte_carlo import Check, Experiment

GAUSSIAN, CATEGORICAL, REGRESSION = "analytic-gaussian", "analytic-categorical", "analytic-regression"

SIZES = (10, 32, 100, 316)
"""Samples a generation at which laws 1 to 3 are checked."""

LOG_FITS = {10: 100, 32: 100, 100: 200, 316: 316}
"""By n, the fit after which the log path is checked; the mean of the variance is checked up to fit n only."""


class GaussianModels(Protocol):
    """Fitted Gaussians of C chains: mean and variance, (C,) each."""

    mean: Tensor
    variance: Tensor


class CategoricalModels(Protocol):
    """Fitted distributions over K classes of C chains: probabilities (K, C)."""

    probabilities: Tensor


class RegressionModels(Protocol):
    """Fitted regressions on D features of C chains: coefficients (C, D)."""

    coefficients: Tensor


def variance(fits: Sequence[GaussianModels]) -> Tensor:
    """Return the fitted variance, (C,)."""
    return fits[-1].variance


def log_variance(fits: Sequence[GaussianModels]) -> Tensor:
    """Return the logarithm of the fitted variance, (C,)."""
    return fits[-1].variance.log()


def squared_mean(fits: Sequence[GaussianModels]) -> Tensor:
    """Return the squared error of the fitted mean, (C,); the true one is 0."""
    return fits[-1].mean ** 2


def second_moment(fits: Sequence[GaussianModels]) -> Tensor:
    """Return the fitted variance plus the squared mean, (C,), which keep an expectation of 1 together."""
    return variance(fits) + squared_mean(fits)


def variance_ratio(fits: Sequence[GaussianModels]) -> Tensor:
    """Return the fitted variance over that of the first fit, (C,)."""
    return fits[-1].variance / fits[0].variance


def log_deviation_ratio(fits: Sequence[GaussianModels]) -> Tensor:
    """Return the logarithm of the fitted standard deviation over that of the first fit, (C,)."""
    return variance_ratio(fits).log() / 2


def falls_below(deviation: float) -> Callable[[Sequence[GaussianModels]], Tensor]:
    """Return the statistic that is 1 for a chain whose standard deviation over that of the first fit is below this, (C,)."""
    return lambda fits: (variance_ratio(fits) < deviation**2).double()


def growth_over_expected(n: int, temperature: float) -> Callable[[Sequence[GaussianModels]], Tensor]:
    """Return the statistic that is the last fit's change of the variance over what is expected at the model before it, (C,)."""

    def ratio(fits: Sequence[GaussianModels]) -> Tensor:
        expected = expected_growth(log_deviation_ratio(fits[:-1]).numpy(), n, temperature)
        return fits[-1].variance / fits[-2].variance / torch.from_numpy(expected)

    return ratio


def excess_error(fits: Sequence[RegressionModels]) -> Tensor:
    """Return the squared distance of the coefficients from the true ones, (C,); those are all 1."""
    return ((fits[-1].coefficients - 1) ** 2).sum(-1)


def diversity(fits: Sequence[CategoricalModels]) -> Tensor:
    """Return the heterozygosity, the chance that two draws differ, (C,)."""
    return 1 - (fits[-1].probabilities ** 2).sum(0)


def times(factor: float, statistic: Callable[[Sequence[Any]], Tensor]) -> Callable[[Sequence[Any]], Tensor]:
    """Return a statistic in other units."""
    return lambda fits: factor * statistic(fits)


def absorbed(k: int) -> Callable[[Sequence[CategoricalModels]], Tensor]:
    """Return the statistic that is 1 for a chain in which class k has everything, and 0 for others, (C,)."""
    return lambda fits: (fits[-1].probabilities[k] == 1).double()


def replace() -> Iterator[Experiment]:
    """Yield laws 1 and 2.

    The mean of the variance is checked for t <= n, because rare survivors carry it later on; the log path also beyond.
    """
    for n in SIZES:
        checks = []
        for t in (1, n // 2, n):
            at, expected = f"replace, n = {n}, t = {t}", theory.replace_variance(n, t)
            checks.append(Check(1, f"variance, {at}", t, variance, expected))
            checks.append(Check(1, f"variance of the mean, {at}", t, squared_mean, 1 - expected))
            checks.append(Check(1, f"the sum of both, {at}", t, second_moment, 1.0))
        for t in sorted({1, n, LOG_FITS[n]}):
            checks.append(
                Check(2, f"log variance, replace, n = {n}, t = {t}", t, log_variance, theory.replace_log_variance(n, t))
            )
        yield Experiment(GAUSSIAN, n, "replace", tuple(checks))


def accumulate() -> Iterator[Experiment]:
    """Yield law 3, for two numbers of fits."""
    for n in SIZES:
        checks = []
        for t in (2, 12):  # the product is within 1 % of its limit by then, and later generations cost ever more
            at, expected = f"accumulate, n = {n}, t = {t}", theory.accumulate_variance(n, t)
            checks.append(Check(3, f"variance, {at}", t, variance, expected))
            checks.append(Check(3, f"variance of the mean, {at}", t, squared_mean, 1 - expected))
            checks.append(Check(3, f"the sum of both, {at}", t, second_moment, 1.0))
        yield Experiment(GAUSSIAN, n, "accumulate", tuple(checks), size=2 * n)


def anchored() -> Iterator[Experiment]:
    """Yield law 4, at its plateau."""
    n = 100
    for real in (0.1, 0.25, 0.5, 0.75):
        t, mean = _settled(partial(theory.anchored_mean_variance, n, real))
        at = f"anchored, fresh, real = {real}, n = {n}, t = {t}"
        checks = (
            Check(4, f"variance, {at}", t, variance, 1 - mean),
            Check(4, f"variance of the mean, {at}", t, squared_mean, mean),
        )
        yield Experiment(GAUSSIAN, n, f"anchored:real={real},anchor=fresh", checks)


def weighted() -> Iterator[Experiment]:
    """Yield law 5, at the best weight and on either side of it, in units of the variance of a mean of the real samples."""
    n = 100
    for ratio in (0.5, 1.0, 2.0, 6.0):
        best = theory.best_real_weight(ratio)
        for real in (round(best / 2, 3), round(best, 3), round((1 + best) / 2, 3)):
            t, mean = _settled(partial(theory.weighted_mean_variance, n, ratio, real))
            size = round(ratio * n)
            check = Check(
                5,
                f"variance of the mean x n_real, weighted, r = {ratio:g}, real = {real}, n = {n}, t = {t}",
                t,
                times(size, squared_mean),
                size * mean,
            )
            yield Experiment(GAUSSIAN, n, f"weighted:real={real},ratio={ratio}", (check,))


def truncation() -> Iterator[Experiment]:
    """Yield law 6: one fit to real data, of many samples, because the threshold is set by their own mean and variance."""
    n = 10_000
    for a in (0.25, 0.5, 1.0, 2.0):
        gamma = math.exp(-(a**2) / 2)
        check = Check(
            6, f"variance, tce:gamma={gamma:.4f},scale=relative (a = {a}), n = {n}", 1, variance, theory.truncated_variance(a)
        )
        yield Experiment(GAUSSIAN, n, "replace", (check,), objective=f"tce:gamma={gamma!r},scale=relative", size=n // 10)


def categories() -> Iterator[Experiment]:
    """Yield law 7: heterozygosity along the way, and absorption when almost none is left."""
    n, truth = 10, (0.4, 0.3, 0.2, 0.1)
    end = 150  # less than one chain in a million is not absorbed by then
    checks = [
        Check(7, f"heterozygosity, n = {n}, t = {t}", t, diversity, theory.heterozygosity(truth, n, t)) for t in (1, n, 2 * n)
    ]
    checks += [Check(7, f"absorbed in a class of p = {p}, n = {n}, t = {end}", end, absorbed(k), p) for k, p in enumerate(truth)]
    yield Experiment(CATEGORICAL, n, "replace", tuple(checks), config={"probabilities": truth}, size=50)


def regressions() -> Iterator[Experiment]:
    """Yield law 8, for both strategies that it has an answer for."""
    n, features = 40, 5
    cases = (("replace", "fresh", theory.regression_error), ("accumulate", "shared", theory.regression_error_accumulated))
    for strategy, design, predict in cases:
        checks = (
            Check(
                8,
                f"excess error, {strategy}, {design} design, d = {features}, n = {n}, t = {t}",
                t,
                excess_error,
                predict(n, features, t),
            )
            for t in (1, 3, 10)
        )
        config = {"features": features, "design": design}
        yield Experiment(REGRESSION, n, strategy, tuple(checks), config=config, size=n * features)


def anchored_truncation() -> Iterator[Experiment]:
    """Yield law 9, without and with a bias.

    The expected step is exact. The distribution after t fits is a quadrature's (see `spread_after`), whose error is a small part
    of the standard error of 4,000 chains.
    """
    n = 100
    for temperature, fits in ((1.0, 100), (0.9, 40), (0.7, 20)):
        spread, bias = spread_after(n, temperature, fits), f"tce-anchored, temperature {temperature:g}, n = {n}"
        checks = [
            Check(9, f"variance over that expected, {bias}, t = {t}", t, growth_over_expected(n, temperature), 1.0)
            for t in (2, 5, fits)
        ]
        checks += [
            Check(9, f"log sigma / sigma_0, {bias}, t = {fits}", fits, log_deviation_ratio, spread.mean),
            Check(9, f"variance / sigma_0^2, {bias}, t = {fits}", fits, variance_ratio, spread.variance_ratio),
        ]
        checks += [
            Check(9, f"below its {level:g} quantile {q:.3f}, {bias}, t = {fits}", fits, falls_below(q), level)
            for level in (0.05, 0.5, 0.95)
            for q in (spread.quantile(level),)
        ]
        yield Experiment(GAUSSIAN, n, "replace", tuple(checks), objective="tce-anchored", start="warm", temperature=temperature)


def _settled(recursion: Callable[[float], float]) -> tuple[int, float]:
    """Return the first fit at which a recursion is within 0.01 % of its plateau, and the plateau."""
    t, plateau = 1, recursion(math.inf)
    while abs(recursion(t) / plateau - 1) > 1e-4:
        t += 1
    return t, plateau


EXPERIMENTS: dict[int, Callable[[], Iterator[Experiment]]] = {
    1: replace,
    2: replace,
    3: accumulate,
    4: anchored,
    5: weighted,
    6: truncation,
    7: categories,
    8: regressions,
    9: anchored_truncation,
}
"""By law; one function may stand for several."""
