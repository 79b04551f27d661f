"""Calibrated truncation keeps the log variance of a recursively fitted Gaussian where it is, at every sample size."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fortifai.config import Sampling
from fortifai.contract.samples import Samples
from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter
from fortifai.modalities.tabular.config import MixtureConfig
from fortifai.objectives import resolve
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
    rng, chains, keep = stream("calibrated", n), 4000 if n < 1000 else 400, keep_share(n)
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
    adapter = GaussianMixtureAdapter(MixtureConfig(components=1, covariance_floor=0, max_iterations=5))
    objective, rng = resolve(f"tce-calibrated:dimensions={dimensions}"), stream("adapter", dimensions)
    drift = []
    for _ in range(600):
        samples = Samples.real(x=torch.randn(n, dimensions, dtype=torch.float64, generator=rng))
        model = adapter.fit(samples, samples, objective, None, rng).model
        drift.append(float(torch.logdet(model.covariances[0])) / dimensions)
    measured = torch.tensor(drift, dtype=torch.float64)
    assert abs(float(measured.mean())) < 4 * float(measured.std()) / math.sqrt(len(drift))
    assert adapter.sample(model, samples, Sampling(), rng)["x"].shape == (n, dimensions)


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
