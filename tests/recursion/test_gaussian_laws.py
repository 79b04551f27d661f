"""The laws that the loop of a Gaussian obeys, by Monte Carlo. The pool is finite: chains start from its own mean and variance."""

import math
from collections.abc import Callable

import pytest
import torch
from gaussian_support import Gaussian, metric, normal, run

from fortifai.contract.samples import Splits

CHAINS, N = 200, 10


@pytest.fixture(scope="module")
def paths() -> Callable[[str], tuple[torch.Tensor, torch.Tensor]]:
    """Return, of every chain and fit, the variance and the squared error of the mean, both over the variance of the pool."""
    pool = normal(4_000, 9)
    adapter, sigma2, mu = Gaussian(splits=Splits(pool, normal(2), normal(2))), pool["x"].var(), pool["x"].mean()
    known: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def paths(strategy: str) -> tuple[torch.Tensor, torch.Tensor]:
        if strategy not in known:
            chains = []
            for seed in range(CHAINS):
                models = run(N - 1, adapter=adapter, n=N, strategy=strategy, seed=seed, metrics=(metric("distance"),)).models
                chains.append([(models[g].variance, models[g].mean) for g in range(N)])
            values = torch.tensor(chains, dtype=torch.float64)
            known[strategy] = values[..., 0] / sigma2, (values[..., 1] - mu) ** 2 / sigma2
        return known[strategy]

    return paths


def z_scores(values: torch.Tensor, predicted: list[float]) -> torch.Tensor:
    """Return, per fit, how many standard errors the mean over chains is off. values: (chains, fits)."""
    return (values.mean(0) - torch.tensor(predicted)) / (values.std(0) / len(values) ** 0.5)


def test_law_1_replace_loses_a_share_of_the_variance_to_the_mean_every_fit(paths):
    variance, drift = paths("replace")
    kept = [(1 - 1 / N) ** t for t in range(1, N + 1)]
    assert z_scores(variance, kept).abs().max() < 4.5
    assert z_scores(drift, [1 - share for share in kept]).abs().max() < 4.5


def test_law_2_the_logarithm_falls_twice_as_fast(paths):
    each_fit = float(torch.special.digamma(torch.tensor((N - 1) / 2, dtype=torch.float64))) + math.log(2 / N)
    assert z_scores(paths("replace")[0].log(), [t * each_fit for t in range(1, N + 1)]).abs().max() < 4.5


def test_law_3_accumulate_keeps_most_of_the_variance(paths):
    variance, drift = paths("accumulate")
    kept = [math.prod(1 - 1 / (N * i**2) for i in range(1, t + 1)) for t in range(1, N + 1)]
    assert z_scores(variance, kept).abs().max() < 4.5
    assert z_scores(drift, [1 - share for share in kept]).abs().max() < 4.5


def test_control_loses_what_one_fit_loses(paths):
    assert z_scores(paths("control")[0], [1 - 1 / N] * N).abs().max() < 4.5
