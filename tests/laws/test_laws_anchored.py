"""Law 9, where anchored truncation comes to rest, against simulations and limits that share none of its algebra."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import gammaln
from scipy.stats import kstest, norm

from fortifai.laws import anchored_spread as law
from fortifai.laws import closed_forms


def kept_mean_squares(c: float, n: int, draws: int, seed: int = 0) -> np.ndarray:
    """S of many fits, (draws,): the mean square, about the mean of all, of the normal numbers beyond c."""
    z = np.random.default_rng(seed).standard_normal((draws, n))
    kept, squares = np.abs(z) > c, (z - z.mean(1, keepdims=True)) ** 2
    return (kept * squares).sum(1) / kept.sum(1)


def simulated(n: int, temperature: float, fits: int, chains: int) -> np.ndarray:
    """ln(sigma / sigma_0) after some fits of many chains, (chains,), in plain NumPy."""
    rng = np.random.default_rng(n)
    x = rng.standard_normal((chains, n))
    mean, first = x.mean(1), x.std(1)
    deviation = first
    for _ in range(fits - 1):
        x = mean[:, None] + math.sqrt(temperature) * deviation[:, None] * rng.standard_normal((chains, n))
        kept = norm.pdf(x, mean[:, None], deviation[:, None]) <= norm.pdf(0) / first[:, None]
        squares = (x - x.mean(1, keepdims=True)) ** 2
        mean, deviation = x.mean(1), np.sqrt((kept * squares).sum(1) / kept.sum(1))
    return np.log(deviation / first)


@pytest.mark.parametrize("c", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("n", [30, 200])
def test_the_expected_growth_is_exact_at_every_n(c, n):
    temperature = 0.8
    sample = temperature * kept_mean_squares(c, n, 40_000)
    expected = float(law.expected_growth(-temperature * c**2 / 2, n, temperature))
    assert abs(sample.mean() - expected) < 4.5 * sample.std() / math.sqrt(len(sample))


@pytest.mark.parametrize("c", [0.0, 0.3, 1.0])
def test_variance_and_skewness_of_the_growth_are_those_of_a_simulation(c):
    n, sample = 200, kept_mean_squares(c, 200, 40_000, seed=1)
    growth = law.growth(-(c**2) / 2, n, 1.0)
    standard = (sample - sample.mean()) / sample.std()
    assert float(growth.variance) == pytest.approx(sample.var(), rel=4.5 * math.sqrt(2 / len(sample)) + 1 / n)
    assert float(growth.skewness) == pytest.approx((standard**3).mean(), abs=4.5 * math.sqrt(6 / len(sample)))


@pytest.mark.parametrize("c", [0.2, 1.5])
def test_the_moments_of_the_tails_are_integrals(c):
    mass, second, fourth, sixth = (2 * quad(lambda x, p=p: x**p * norm.pdf(x), c, np.inf)[0] for p in (0, 2, 4, 6))
    second, fourth, sixth, n = second / mass, fourth / mass, sixth / mass, 10**8
    growth = law.growth(-(c**2) / 2, n, 1.0)
    third = sixth - 3 * fourth * second + 2 * second**3
    assert float(growth.mean) == pytest.approx(second, rel=1e-6)
    assert float(growth.variance) * n * mass == pytest.approx(fourth - second**2, rel=1e-6)
    assert float(growth.skewness) * math.sqrt(n * mass) == pytest.approx(third / (fourth - second**2) ** 1.5, rel=1e-6)


@pytest.mark.parametrize("n", [30, 100])
def test_after_the_first_refit_the_log_is_that_of_law_2(n):
    spread = law.spread_after(n, 1.0, 2)
    assert spread.mass.sum() == pytest.approx(1, abs=1e-9)
    assert spread.mean == pytest.approx(closed_forms.replace_log_variance(n, 1) / 2, abs=1e-6)
    assert spread.variance_ratio == pytest.approx(1 - 1 / n, abs=1e-6)


@pytest.mark.parametrize(("n", "temperature", "fits"), [(30, 1.0, 40), (100, 0.9, 20), (100, 0.7, 10)])
def test_the_distribution_is_that_of_a_simulation_without_the_protocol(n, temperature, fits):
    sample, spread = simulated(n, temperature, fits, 4_000), law.spread_after(n, temperature, fits)
    assert abs(sample.mean() - spread.mean) < 4.5 * sample.std() / math.sqrt(len(sample))
    below = np.interp(np.linspace(-1.5, 3, 2_000), spread.edges, np.append(0, spread.mass.reshape(-1, law.ORDER).sum(1).cumsum()))
    assert kstest(sample, lambda u: np.interp(u, np.linspace(-1.5, 3, 2_000), below)).pvalue > 1e-3
    for level in (0.05, 0.5, 0.95):
        error = math.sqrt(level * (1 - level) / len(sample))
        assert abs((np.exp(sample) < spread.quantile(level)).mean() - level) < 4.5 * error


@pytest.mark.parametrize("n", [30, 100])
def test_above_sigma_0_chains_settle_on_an_exponential_law_of_mean_a_quarter(n):
    # A walk without truncation has the tail exp(-r u) with E[(next / last sigma)^r] = 1, of chi-squared variables.
    def log_moment(r: float) -> float:
        return r / 2 * math.log(2 / n) + float(gammaln((n - 1 + r) / 2) - gammaln((n - 1) / 2))

    rate = brentq(log_moment, 2, 8)
    assert rate == pytest.approx(4, abs=2 / n)
    spread = law.spread_after(n, 1.0, 20 * n)
    above = spread.mass[::-1].cumsum()[::-1]
    low, high = (int(np.searchsorted(spread.u, u)) for u in (0.3, 1.2))
    measured = math.log(above[low] / above[high]) / (spread.u[high] - spread.u[low])
    assert measured == pytest.approx(rate, rel=0.02)


@pytest.mark.parametrize(("temperature", "expected"), [(0.9, 0.99), (0.7, 0.945), (0.5, 0.868)])
def test_under_a_bias_the_expected_growth_has_a_fixed_point_just_below_sigma_0(temperature, expected):
    rest = law.fixed_point(temperature)
    assert rest == pytest.approx(expected, abs=5e-3)
    assert float(law.expected_growth(math.log(rest), 10**12, temperature)) == pytest.approx(1, rel=1e-9)


def test_a_long_chain_of_many_samples_rests_at_the_fixed_point_and_varies_as_a_linear_recursion_does():
    n, temperature = 1_000, 0.5
    spread, u = law.spread_after(n, temperature, 15), math.log(law.fixed_point(temperature))
    assert spread.mean == pytest.approx(u, abs=2 / n)
    slope = (float(law.expected_growth(u + 1e-5, n, temperature)) - float(law.expected_growth(u - 1e-5, n, temperature))) / 4e-5
    growth = law.growth(u, n, temperature)
    scatter = float(growth.variance / growth.mean**2) / 4
    assert spread.deviation == pytest.approx(math.sqrt(scatter / (1 - (1 + slope) ** 2)), rel=0.02)
