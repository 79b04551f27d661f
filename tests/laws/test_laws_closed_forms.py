"""The closed forms against numerical work that shares none of their algebra."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import chi2, norm

from fortifai.laws import closed_forms as laws


@pytest.mark.parametrize("n", [3, 10, 100])
def test_replace_multiplies_independent_chi_squares(n):
    mean = quad(lambda s: s / n * chi2.pdf(s, n - 1), 0, np.inf)[0]
    log = (
        quad(lambda s: math.log(s / n) * chi2.pdf(s, n - 1), 0, 1)[0]
        + quad(lambda s: math.log(s / n) * chi2.pdf(s, n - 1), 1, np.inf)[0]
    )
    assert laws.replace_variance(n, 7) == pytest.approx(mean**7, rel=1e-6)
    assert laws.replace_log_variance(n, 7) == pytest.approx(7 * log, rel=1e-6)


def second_moments(n, t, pooled):
    """(E variance, E squared mean) of fit t by the covariances of all the batches' means, step by step."""
    # of every batch so far, E of the mean's products, and of the mean square of its numbers
    products, squares = np.array([[1 / n]]), np.array([1.0])
    fitted = (1 - 1 / n, 1 / n)
    for _ in range(t - 1):
        weight = np.full(len(squares), 1 / len(squares)) if pooled else np.eye(len(squares))[-1]
        cross = products @ weight
        mean = float(weight @ cross)
        variance = float(weight @ squares) - mean
        products = np.block([[products, cross[:, None]], [cross[None, :], np.array([[mean + variance / n]])]])
        squares = np.append(squares, mean + variance)
        weight = np.full(len(squares), 1 / len(squares)) if pooled else np.eye(len(squares))[-1]
        spread = float(weight @ products @ weight)
        fitted = (float(weight @ squares) - spread, spread)
    return fitted


@pytest.mark.parametrize("n", [5, 32])
@pytest.mark.parametrize("t", [1, 2, 9])
def test_replace_and_accumulate_follow_from_the_moments_of_batches(n, t):
    replace, accumulate = laws.replace_variance(n, t), laws.accumulate_variance(n, t)
    assert second_moments(n, t, pooled=False) == pytest.approx((replace, 1 - replace), rel=1e-9)
    assert second_moments(n, t, pooled=True) == pytest.approx((accumulate, 1 - accumulate), rel=1e-9)


@pytest.mark.parametrize(("n", "limit"), [(10, 0.8434), (32, 0.9494), (100, 0.9836)])
def test_accumulate_has_a_limit(n, limit):
    x = math.pi / math.sqrt(n)
    assert laws.accumulate_variance(n, 20_000) == pytest.approx(math.sin(x) / x, rel=1e-5)
    assert math.sin(x) / x == pytest.approx(limit, abs=5e-5)


@pytest.mark.parametrize("real", [0.1, 0.25, 0.75])
def test_anchored_is_a_recursion_of_two_moments(real):
    n = 40
    mean, variance = 1 / n, 1 - 1 / n
    for t in range(1, 60):
        assert laws.anchored_mean_variance(n, real, t) == pytest.approx(mean, rel=1e-9)
        total = real + (1 - real) * (variance + mean)
        mean = real / n + (1 - real) ** 2 * (mean + variance / ((1 - real) * n))
        variance = total - mean
    assert laws.anchored_mean_variance(n, real) == pytest.approx(1 / (1 - real + real * n * (2 - real)), rel=1e-12)


@pytest.mark.parametrize("ratio", [0.5, 1, 2, 6])
@pytest.mark.parametrize("real", [0.2, 0.618, 0.9])
def test_weighted_is_a_recursion_of_two_moments(ratio, real):
    n = 40
    mean, variance = 1 / n, 1 - 1 / n
    for t in range(1, 60):
        assert laws.weighted_mean_variance(n, ratio, real, t) == pytest.approx(mean, rel=1e-9)
        total = real + (1 - real) * (variance + mean)
        mean = real**2 / (ratio * n) + (1 - real) ** 2 * (mean + variance / n)
        variance = total - mean
    assert laws.weighted_mean_variance(n, ratio, real) == pytest.approx(mean, rel=1e-6)


@pytest.mark.parametrize("ratio", [0.5, 1, 2, 6])
def test_the_best_weight_is_best_and_is_the_variance_it_leads_to(ratio):
    n = 10**9

    def limit(real):
        return laws.weighted_mean_variance(n, ratio, real) * ratio * n

    best = minimize_scalar(limit, bounds=(0.01, 0.99), method="bounded", options={"xatol": 1e-9})
    assert laws.best_real_weight(ratio) == pytest.approx(best.x, abs=1e-5)
    assert laws.best_real_weight(ratio) == pytest.approx(limit(best.x), rel=1e-6)
    assert laws.best_real_weight(1) == pytest.approx((math.sqrt(5) - 1) / 2)


@pytest.mark.parametrize("a", [0.1, 0.5, 1.5])
def test_truncation_is_an_integral_over_the_tails(a):
    mass, square = (2 * quad(lambda x, p=power: x**p * norm.pdf(x), a, np.inf)[0] for power in (0, 2))
    assert laws.truncated_variance(a) == pytest.approx(square / mass, rel=1e-6)


def test_heterozygosity_is_a_sum_over_binomials():
    n, p = 5, 0.3

    def over(p):
        return sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) * 2 * (k / n) * (1 - k / n) for k in range(n + 1))

    twice = sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) * over(k / n) for k in range(n + 1))
    assert laws.heterozygosity((p, 1 - p), n, 1) == pytest.approx(over(p), rel=1e-12)
    assert laws.heterozygosity((p, 1 - p), n, 2) == pytest.approx(twice, rel=1e-12)


def test_regression_is_the_mean_of_an_inverse_wishart():
    n, features = 20, 4
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20_000, n, features))
    traces = np.trace(np.linalg.inv(x.transpose(0, 2, 1) @ x), axis1=1, axis2=2)
    error = traces.std() / math.sqrt(len(traces))
    assert abs(laws.regression_error(n, features, 1) - traces.mean()) < 4.5 * error
    assert laws.regression_error(n, features, 7) == pytest.approx(7 * laws.regression_error(n, features, 1))
    assert laws.regression_error_accumulated(n, features, 2) == pytest.approx(1.25 * laws.regression_error(n, features, 1))
