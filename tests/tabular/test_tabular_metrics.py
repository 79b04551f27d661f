"""Metrics of tables: against closed forms and independent libraries, and their invariants."""

from copy import copy
from typing import Any

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import energy_distance as scipy_energy
from scipy.stats import ks_2samp, norm, wasserstein_distance
from torch import Tensor

from fortifai.contract.metric import Metric
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.samples import Samples, Splits
from fortifai.modalities.tabular import declaration, metrics
from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter
from fortifai.modalities.tabular.config import MixtureConfig, TableData
from fortifai.randomness import stream

ADAPTER = GaussianMixtureAdapter(MixtureConfig(), TableData(source="mixture-2d"))
MEASURED = [metric.with_argument("policy=newsvendor") if metric.takes else metric for metric in declaration.metrics]
BY_NAME = {metric.name: metric for metric in MEASURED}
DISTANCES = ["sliced_wasserstein", "energy_distance", "ks_max", "ks_mean"]


def normal(n: int, columns: int, purpose: str) -> Tensor:
    return torch.randn(n, columns, dtype=torch.float64, generator=stream(purpose))


def inputs(real: Tensor, synthetic: Tensor, pool: Tensor | None = None) -> MetricInputs[Any, Any]:
    train = Samples.real(x=real if pool is None else pool)
    adapter = copy(ADAPTER)
    adapter.splits = Splits(train, train, Samples.real(x=real))
    return MetricInputs(adapter, Samples.real(x=synthetic))


def value(name: str, real: Tensor, synthetic: Tensor) -> float:
    return BY_NAME[name].function()(inputs(real, synthetic))


@pytest.mark.parametrize("metric", MEASURED, ids=lambda metric: metric.name)
def test_every_metric_stays_in_its_range_whatever_the_sample(metric: Metric) -> None:
    real = normal(400, 3, "real")
    wide, point = 1e6 * normal(300, 3, "wide"), real[:1].repeat(200, 1)
    for synthetic in (normal(300, 3, "other"), wide, point, real[: metric.least_n]):
        low, high = metric.valid
        assert low <= metric.function()(inputs(real, synthetic)) <= high


@pytest.mark.parametrize("metric", MEASURED, ids=lambda metric: metric.name)
def test_every_metric_is_a_function_of_its_inputs(metric: Metric) -> None:
    real, synthetic = normal(400, 3, "real"), normal(300, 3, "other")
    assert value(metric.name, real, synthetic) == value(metric.name, real, synthetic)


@pytest.mark.parametrize("name", DISTANCES)
def test_a_distance_is_symmetric_zero_to_itself_and_grows_with_a_shift(name: str) -> None:
    a, b = normal(300, 3, "a"), normal(300, 3, "b") + 0.3
    assert value(name, a, a) == pytest.approx(0, abs=1e-7)
    assert value(name, a, b) == pytest.approx(value(name, b, a))
    assert value(name, a, a) < value(name, a, a + 0.1) < value(name, a, a + 1)


def test_sliced_wasserstein_of_a_shift_is_its_mean_projection() -> None:
    a, shift = normal(500, 4, "a"), torch.tensor([1.0, -2.0, 0.5, 0.0], dtype=torch.float64)
    shifted = inputs(a, a + shift)
    measured = metrics.sliced_wasserstein(shifted)
    projections, _ = shifted.cache["sliced_wasserstein"]
    assert measured == pytest.approx(float(np.abs(shift.numpy() @ projections).mean()))
    np.testing.assert_allclose(np.linalg.norm(projections, axis=0), 1)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 60), st.integers(2, 60))
def test_sliced_wasserstein_in_one_dimension_is_scipys(real: int, synthetic: int) -> None:
    a, b = normal(real, 1, "a"), 2 * normal(synthetic, 1, "b")
    assert value("sliced_wasserstein", a, b) == pytest.approx(wasserstein_distance(a[:, 0], b[:, 0]))


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 4))
def test_sliced_wasserstein_has_the_bits_of_pot(real: int, synthetic: int, columns: int) -> None:
    a, b = normal(real, columns, "a"), 2 * normal(synthetic, columns, "b")
    compared = inputs(a, b)
    measured = metrics.sliced_wasserstein(compared)
    directions, _ = compared.cache["sliced_wasserstein"]
    assert measured == ot.sliced.sliced_wasserstein_distance(b.numpy(), a.numpy(), projections=directions, p=1)


def test_energy_distance_in_one_dimension_is_scipys() -> None:
    a, b = normal(200, 1, "a"), normal(300, 1, "b") + 1
    assert value("energy_distance", a, b) == pytest.approx(scipy_energy(a[:, 0], b[:, 0]))


def test_kolmogorov_smirnov_is_scipys_column_by_column() -> None:
    a, b = normal(200, 3, "a"), normal(300, 3, "b") * torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    columns = [ks_2samp(a[:, j], b[:, j]).statistic for j in range(3)]
    assert value("ks_max", a, b) == pytest.approx(max(columns))
    assert value("ks_mean", a, b) == pytest.approx(np.mean(columns))


def test_a_classifier_cannot_tell_one_law_from_itself_and_tells_two_apart() -> None:
    a = normal(1000, 4, "a")
    assert value("classifier_auc", a, normal(1000, 4, "b")) == pytest.approx(0.5, abs=0.04)
    assert value("classifier_auc", a, normal(1000, 4, "b") + 3) > 0.99
    assert value("classifier_auc", a, 0.3 * normal(1000, 4, "b")) > 0.85


def test_variance_ratio_is_the_ratio_of_total_variances() -> None:
    a = normal(300, 3, "a")
    assert value("variance_ratio", a, a + 7) == pytest.approx(1)
    assert value("variance_ratio", a, 0.5 * a) == pytest.approx(0.25)
    assert value("variance_ratio", a, a[:1].repeat(50, 1)) == pytest.approx(0)


def test_tail_mass_is_what_the_synthetic_range_reaches() -> None:
    grid = torch.from_numpy(norm.ppf((np.arange(10_000) + 0.5) / 10_000))[:, None]
    assert value("tail_mass", grid, grid) == 1
    assert value("tail_mass", grid, grid.clamp(-2, 2)) == 0
    # One of two tails, up to where 0.5 % of the mass is beyond: a quarter of all tail values.
    assert value("tail_mass", grid, grid.clamp(-2, norm.ppf(0.995))) == pytest.approx(0.25, abs=0.01)


def test_live_modes_counts_the_modes_that_synthetic_rows_still_visit() -> None:
    x, pool = ADAPTER.splits.test["x"], ADAPTER.splits.train["x"]
    everything = inputs(x, x, pool)
    assert metrics.live_modes(everything) == 10
    reference = everything.cache["live_modes"][0]
    visited = reference.log_joint(x)[0].argmax(1) < 4
    assert metrics.live_modes(inputs(x, x[visited], pool)) == 4
    assert metrics.live_modes(inputs(x, x[:1].repeat(100, 1), pool)) == 1
