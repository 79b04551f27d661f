"""Calibrated truncation keeps the log variance of a recursively fitted Gaussian where it is, at every sample size."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import digamma
from scipy.stats import chi2

from fortifai.contract.samples import Samples
from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter
from fortifai.modalities.tabular.config import MixtureConfig, TableData
from fortifai.objectives import calibrated, resolve
from fortifai.objectives.calibrated import keep_share
from fortifai.randomness import stream


def refit(x: torch.Tensor, keep: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of many chains at once, x (C, n), after leaving out what lies nearest to the mean."""
    n = x.shape[1]
    mean = x.mean(1, keepdim=True)
    distance = (x - mean).abs().sort(1).values
    weight = (torch.arange(1, n + 1, dtype=x.dtype) - (1 - keep) * n).clamp(0, 1)
    return mean, ((distance.square() * weight).sum(1, keepdim=True) / weight.sum()).sqrt()


@pytest.mark.parametrize("n", [30, 100, 1000])
def test_the_median_chain_keeps_its_spread_for_300_generations(n: int) -> None:
    rng, chains, keep = stream("calibrated", n), 1000 if n < 1000 else 200, keep_share(n)
    mean, deviation = torch.zeros(chains, 1), torch.ones(chains, 1)
    for _ in range(300):
        mean, deviation = refit(mean + deviation * torch.randn(chains, n, generator=rng), keep)
    assert 0.9 < float(deviation.median()) < 1.1


def test_what_the_simulation_does_is_what_the_objective_does() -> None:
    x = torch.randn(200, 30, dtype=torch.float64, generator=stream("same"))
    _, deviations = refit(x, keep_share(30))
    for row, deviation in zip(x, deviations, strict=True):
        residual = row - row.mean()
        weight = resolve("tce-calibrated").weights(torch.exp(-residual.square() / 2))
        assert float((weight * residual.square()).sum() / weight.sum()) == pytest.approx(float(deviation) ** 2, rel=1e-9)


@pytest.mark.parametrize(("dimensions", "n"), [(1, 40), (3, 60), (7, 200)])
def test_the_adapter_does_not_drift_in_expected_log_variance(dimensions: int, n: int) -> None:
    config = MixtureConfig(components=1, covariance_floor=0, max_iterations=5)
    adapter = GaussianMixtureAdapter(config, TableData(source="penguins"))
    objective, rng = resolve(f"tce-calibrated:dimensions={dimensions}"), stream("adapter", dimensions)
    drift = []
    for _ in range(300):
        samples = Samples.real(x=torch.randn(n, dimensions, dtype=torch.float64, generator=rng))
        model = adapter.fit(samples, objective, None, rng).model
        drift.append(float(torch.logdet(model.covariances[0])) / dimensions)
    measured = torch.tensor(drift, dtype=torch.float64)
    assert abs(float(measured.mean())) < 4 * float(measured.std()) / math.sqrt(len(drift))


@given(st.integers(3, 60), st.integers(0, 5))
def test_the_most_confident_go_first_and_the_kept_mass_is_exact(n: int, seed: int) -> None:
    p = torch.rand(n, dtype=torch.float64, generator=stream("p", n, seed))
    weight = resolve("tce-calibrated").weights(p)
    assert float(weight.sum()) == pytest.approx(keep_share(n) * n)
    assert bool((weight[p.argsort(descending=True)].diff() >= 0).all())
    assert int(((weight > 0) & (weight < 1)).sum()) <= 1


@given(st.integers(3, 30))
def test_an_element_of_mass_two_counts_as_two(n: int) -> None:
    p = torch.rand(n, dtype=torch.float64, generator=stream("twice", n))
    objective = resolve("tce-calibrated")
    heavy = objective.weights(p, mass=torch.full((n,), 2.0))
    assert torch.allclose(heavy, objective.weights(p))  # equal masses of any size are n samples


@pytest.mark.parametrize(("n", "dimensions"), [(2, 1), (4, 3), (1.5, 1)])
def test_too_few_samples_to_calibrate_on_all_count(n: float, dimensions: int) -> None:
    assert keep_share(n, dimensions) == 1


def test_about_two_samples_go_whatever_n_is() -> None:
    assert [round(n * (1 - keep_share(n)), 1) for n in (30, 100, 1000)] == [2.0, 2.0, 2.0]


# The table


def fixed_point(n: float, dimensions: int) -> float:
    """The share by its definition: the fixed point of keeping what the fit leaves, iterated until it stands still."""
    log_remaining = sum(digamma((n - j) / 2) for j in range(1, dimensions + 1)) / dimensions + math.log(2 / n)
    keep = math.exp(log_remaining)
    for _ in range(1000):
        last, keep = keep, math.exp(log_remaining) * chi2.sf(chi2.isf(keep, dimensions), dimensions + 2)
        if keep == last:
            break
    return float(keep)


@pytest.mark.parametrize("dimensions", [1, 2, 7, 20])
@pytest.mark.parametrize("excess", [2, 2.001, 2.37, 3, 5.5, 17.25, 99.9, 1_234.5, 98_765.4, 7_654_321.1, 9_999_999.9])
def test_the_interpolated_share_is_that_of_the_fixed_point(dimensions: int, excess: float) -> None:
    expected = fixed_point(dimensions + excess, dimensions)
    keep = keep_share(dimensions + excess, dimensions)
    assert 1 - keep == pytest.approx(1 - expected, rel=1e-6)
    assert keep == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dimensions", [1, 7, 100])
def test_more_samples_never_keep_less(dimensions: int) -> None:
    sizes = dimensions + torch.logspace(math.log10(2), 8, 5000, dtype=torch.float64)
    shares = torch.tensor([keep_share(float(n), dimensions) for n in sizes], dtype=torch.float64)
    assert bool((shares.diff() > 0).all())


@pytest.mark.parametrize("n", [2e7, 1.1e8])
def test_beyond_the_table_the_share_is_solved_for_by_itself(n: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrated, "_log_odds_dropped", None)
    assert 1 - keep_share(n) == pytest.approx(2 / n, rel=1e-6)  # its limit for large n


def test_shares_of_many_sizes_are_solved_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    solve, solved = calibrated._solve, []
    monkeypatch.setattr(calibrated, "_solve", lambda n, dimensions: solved.append(dimensions) or solve(n, dimensions))
    calibrated._log_odds_dropped.cache_clear()
    for n in torch.linspace(10, 1e6, 300, dtype=torch.float64):
        keep_share(float(n)), keep_share(float(n), 7)
    assert solved == [1, 7]


def test_the_number_of_tables_that_are_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrated, "GRID", 3)
    calibrated._log_odds_dropped.cache_clear()
    for dimensions in range(1, 101):
        keep_share(1000.0, dimensions)
    assert calibrated._log_odds_dropped.cache_info().currsize == calibrated.TABLES
    calibrated._log_odds_dropped.cache_clear()  # of tables this coarse
