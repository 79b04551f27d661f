"""The paper's claim in one dimension, through the whole adapter: lambda * eta(a) = 1 holds the variance still."""

import math

import pytest
import torch
from scipy.optimize import brentq
from scipy.stats import norm

from fortifai import objectives
from fortifai.config import Sampling
from fortifai.contract.samples import Samples
from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter
from fortifai.modalities.tabular.config import MixtureConfig, TableData
from fortifai.randomness import stream

SHRINK, GENERATIONS, N = 0.9, 10, 20_000


def variance_after(objective: str) -> float:
    adapter = GaussianMixtureAdapter(MixtureConfig(components=1), TableData(source="mixture-2d"))
    sampling = Sampling(temperature=SHRINK)
    samples = Samples.real(x=torch.randn(N, 1, dtype=torch.float64, generator=stream("real")))
    model = None
    for generation in range(GENERATIONS):
        model = adapter.fit(samples, objectives.resolve(objective), model, stream("fit", generation)).model
        samples = Samples.synthetic(adapter.sample(model, samples, sampling, stream("sample", generation)), generation)
    return float(samples["x"].var())


def inflation(a: float) -> float:
    return float(1 + a * norm.pdf(a) / norm.sf(a))


def test_cross_entropy_loses_what_every_reading_takes() -> None:
    assert variance_after("ce") == pytest.approx(SHRINK**GENERATIONS, rel=0.1)


def test_the_truncation_that_gives_back_what_reading_takes_holds_the_variance_still() -> None:
    a = brentq(lambda a: SHRINK * inflation(a) - 1, 0, 3)
    assert variance_after(f"tce-quantile:keep={2 * norm.sf(a)}") == pytest.approx(1, rel=0.1)


def test_a_stronger_truncation_explodes() -> None:
    a = 0.5
    expected = (SHRINK * inflation(a)) ** GENERATIONS
    assert expected > 5
    assert math.log(variance_after(f"tce-quantile:keep={2 * norm.sf(a)}")) == pytest.approx(math.log(expected), rel=0.1)
