"""Which laws are checked, at which settings. Each experiment runs chains once, and all its checks read the same chains."""

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from fortifai.laws import closed_forms as theory
from fortifai.laws.monte_carlo import Check, Experiment

GAUSSIAN, CATEGORICAL, REGRESSION = "analytic-gaussian", "analytic-categorical", "analytic-regression"

SIZES = (10, 32, 100, 316)
"""Samples a generation at which laws 1 to 3 are checked."""

LOG_FITS = {10: 100, 32: 100, 100: 200, 316: 316}
"""By n, the fits after which the log path is checked, beyond those to which the mean of the variance is."""


def variance(model: Any) -> Tensor:
    """The fitted variance."""
    value: Tensor = model.variance
    return value


def log_variance(model: Any) -> Tensor:
    """The logarithm of the fitted variance."""
    return variance(model).log()


def squared_mean(model: Any) -> Tensor:
    """The squared error of the fitted mean; the true one is 0."""
    value: Tensor = model.mean**2
    return value


def second_moment(model: Any) -> Tensor:
    """The fitted variance and the squared mean together, which keep an expectation of 1."""
    return variance(model) + squared_mean(model)


def excess_error(model: Any) -> Tensor:
    """The squared distance of the coefficients from the true ones, which are all 1."""
    value: Tensor = ((model.coefficients - 1) ** 2).sum(-1)
    return value


def diversity(model: Any) -> Tensor:
    """The heterozygosity: the chance that two draws differ."""
    value: Tensor = 1 - (model.probabilities**2).sum(0)
    return value


def absorbed(k: int) -> Callable[[Any], Tensor]:
    """Give whether class k has everything."""
    return lambda model: (model.probabilities[k] == 1).double()


def replace() -> Iterator[Experiment]:
    """Laws 1 and 2: the mean of the variance for t <= n, which rare survivors carry later on; the log path also beyond."""
    for n in SIZES:
        checks = []
        for t in (1, n // 2, n):
            at, kept = f"replace, n = {n}, t = {t}", theory.replace_variance(n, t)
            checks.append(Check(1, f"variance, {at}", t, variance, kept))
            checks.append(Check(1, f"variance of the mean, {at}", t, squared_mean, 1 - kept))
            checks.append(Check(1, f"the sum of both, {at}", t, second_moment, 1.0))
        for t in sorted({1, n, LOG_FITS[n]}):
            checks.append(
                Check(2, f"log variance, replace, n = {n}, t = {t}", t, log_variance, theory.replace_log_variance(n, t))
            )
        yield Experiment(GAUSSIAN, n, "replace", tuple(checks))


def accumulate() -> Iterator[Experiment]:
    """Law 3."""
    for n in SIZES:
        checks = []
        for t in (2, 12):  # the product is within 1 % of its limit by then, and later generations cost ever more
            at, kept = f"accumulate, n = {n}, t = {t}", theory.accumulate_variance(n, t)
            checks.append(Check(3, f"variance, {at}", t, variance, kept))
            checks.append(Check(3, f"variance of the mean, {at}", t, squared_mean, 1 - kept))
            checks.append(Check(3, f"the sum of both, {at}", t, second_moment, 1.0))
        yield Experiment(GAUSSIAN, n, "accumulate", tuple(checks), size=2 * n)


EXPERIMENTS: dict[int, Callable[[], Iterator[Experiment]]] = {1: replace, 2: replace, 3: accumulate}
"""By law."""
