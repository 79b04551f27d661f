"""Thresholds that are estimated from the confidence: quantiles against brute force, and the running level of adaptive TCE."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from objectives_support import LOSING

from fortifai.objectives import AdaptiveTruncation, QuantileTruncation, TruncatedCrossEntropy, registry, resolve
from fortifai.objectives.truncated import MICRO_BATCH

# Quantile


def brute_force_quantile(p: list[float], mass: list[int], keep: Fraction) -> list[float]:
    total = sum(mass)
    for level in sorted(p):
        if sum(m for q, m in zip(p, mass, strict=True) if q <= level) >= keep * total:
            return [float(q <= level) for q in p]
    raise AssertionError("the highest level holds all the mass")


tied = st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]) | st.floats(0, 1), st.integers(0, 5)), min_size=1, max_size=40)


@given(tied, st.integers(1, 99))
def test_quantile_tce_agrees_with_brute_force_on_ties_and_masses(elements, percent):
    p, mass = (list(column) for column in zip(*elements, strict=True))
    mass[0] += 1  # some mass must be there
    got = QuantileTruncation(keep=percent / 100).weights(torch.tensor(p, dtype=torch.float64), torch.tensor(mass).double())
    assert got.tolist() == brute_force_quantile(p, mass, Fraction(percent, 100))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=100, unique=True), st.integers(1, 100), st.randoms())
def test_quantile_tce_keeps_its_share_in_any_order(p, percent, random):
    random.shuffle(p)
    weights = QuantileTruncation(keep=percent / 100).weights(torch.tensor(p, dtype=torch.float64))
    assert weights.sum() == -(-len(p) * percent // 100)
    assert [q for q, w in zip(p, weights.tolist(), strict=True) if w] == [q for q in p if q <= sorted(p)[int(weights.sum()) - 1]]


@given(tied, st.integers(1, 100))
def test_equal_masses_are_no_masses(elements, percent):
    p = torch.tensor([q for q, _ in elements])
    objective = QuantileTruncation(keep=percent / 100)
    assert torch.equal(objective.weights(p), objective.weights(p, torch.full_like(p, 0.25)))


def test_quantile_tce_looks_at_all_elements_of_any_shape_together():
    p = torch.arange(12, dtype=torch.float32).reshape(3, 4) / 12
    assert QuantileTruncation(keep=0.5).weights(p).tolist() == [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]]


def test_elements_without_mass_do_not_move_the_quantile():
    p = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.01, 0.02])
    mass = torch.tensor([1.0, 1, 1, 1, 0, 0])
    assert QuantileTruncation(keep=0.5).weights(p, mass).tolist() == [1, 1, 0, 0, 1, 1]


# Adaptive


@given(st.integers(1, 400), st.floats(-3, 3), st.integers(0, 2**31))
def test_adaptive_tce_sets_gamma_from_the_batch_means(n, alpha, seed):
    p = np.random.default_rng(seed).uniform(size=n)
    means = np.array([p[start : start + MICRO_BATCH].mean() for start in range(0, n, MICRO_BATCH)])
    expected = max(means.mean() + alpha * means.std(), 0)
    adapted = AdaptiveTruncation(alpha=alpha).adapt(torch.tensor(p))
    assert isinstance(adapted, TruncatedCrossEntropy)
    assert adapted.gamma == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_adaptive_tce_averages_in_double_precision(dtype):
    p = torch.linspace(0.97, 0.99, 4096).to(dtype)
    exact = AdaptiveTruncation(alpha=1).adapt(p.double()).gamma
    assert AdaptiveTruncation(alpha=1).adapt(p).gamma == pytest.approx(exact, abs=1e-9)


def test_adaptive_tce_without_adapting_uses_the_tensor_at_hand():
    p = torch.rand(64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    objective = AdaptiveTruncation(alpha=0)
    assert torch.equal(objective.weights(p), objective.adapt(p).weights(p))
    assert torch.equal(objective.weights(p), (p <= p.mean()).double())


@pytest.mark.parametrize("name", registry)
def test_confidence_is_measured_only_for_an_objective_that_estimates_a_threshold_from_it(name):
    objective, measured = resolve(name), []

    def measure():
        measured.append(torch.tensor([0.1, 0.9]))
        return measured[-1]

    adapted = objective.adapt_to(measure)
    assert adapted == objective.adapt(torch.tensor([0.1, 0.9]))
    assert len(measured) == objective.adaptive == (adapted is not objective)


@pytest.mark.parametrize("name", registry)
def test_an_objective_that_is_the_same_in_every_generation_says_so(name):
    objective = resolve(name)
    assert bool(objective.remembers) == (objective.for_generation(LOSING) is not objective)
