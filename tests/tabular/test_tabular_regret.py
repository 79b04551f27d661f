"""Regret: the closed forms of decisions on Gaussians, and what no decision may do."""

import math
from copy import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import norm

from fortifai import metrics
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError
from fortifai.modalities.tabular import declaration
from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter
from fortifai.modalities.tabular.config import MixtureConfig, TableData
from fortifai.modalities.tabular.policies import Array, policy_of
from fortifai.modalities.tabular.regret import decision_of

ADAPTER = GaussianMixtureAdapter(MixtureConfig(), TableData(source="mixture-2d"))

GRID = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
"""A standard Gaussian without the scatter of a sample: its errors are those of a sum in place of an integral."""

DECISIONS = (
    "policy=newsvendor,ratio=0.9",
    "policy=value-at-risk,level=0.95",
    "policy=value-at-risk,column=1",
    "policy=portfolio",
    "policy=threshold,charge=0.5,score=0,cost=1",
)


def regret(argument: str, made_from: Array, paid_on: Array) -> float:
    metric = metrics.find(declaration, f"decision_regret:{argument}")
    adapter, real = copy(ADAPTER), Samples.real(x=torch.from_numpy(paid_on))
    adapter.splits = Splits(real, real, real)
    return metrics.measure(metric, MetricInputs(adapter, Samples.synthetic({"x": torch.from_numpy(made_from)}, 1)))


def uncorrelated(deviations: list[float]) -> Array:
    """Return rows whose covariance is diagonal, with these deviations, exactly."""
    x = np.random.default_rng(0).standard_normal((500, len(deviations)))
    x -= x.mean(axis=0)
    return x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False)).T) * deviations


@pytest.mark.parametrize("ratio", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("spread", [0.25, 0.9, 1.0, 2.0])
def test_a_newsvendor_pays_what_normal_demand_makes_of_a_wrong_spread(ratio: float, spread: float) -> None:
    """An order of u deviations costs phi(u) + u (Phi(u) - ratio) for a unit of both costs, and phi(z) at best (Porteus, 2002)."""
    mean, deviation, z = 3.0, 2.0, norm.ppf(ratio)
    u = spread * z
    expected = (norm.pdf(u) + u * (norm.cdf(u) - ratio)) / norm.pdf(z) - 1
    demand = mean + deviation * GRID[:, None]
    assert regret(f"policy=newsvendor,ratio={ratio}", mean + spread * (demand - mean), demand) == pytest.approx(
        expected, abs=1e-3
    )
    best = policy_of(decision_of(f"policy=newsvendor,ratio={ratio}")).scale(demand)
    assert best == pytest.approx(deviation * norm.pdf(z), rel=1e-3)


def test_the_best_limit_costs_the_conditional_value_at_risk_above_the_mean() -> None:
    limit = policy_of(decision_of("policy=value-at-risk,level=0.95,column=0"))
    losses = 1 + 3 * GRID[:, None]
    assert limit.decide(losses) == pytest.approx(1 + 3 * norm.ppf(0.95), rel=1e-3)
    assert limit.scale(losses) / 0.05 == pytest.approx(losses[losses[:, 0] > limit.decide(losses)].mean() - 1, rel=1e-3)
    assert limit.scale(losses) / 0.05 == pytest.approx(3 * norm.pdf(norm.ppf(0.95)) / 0.05, rel=1e-3)


def test_a_limit_on_all_columns_is_one_on_their_mean() -> None:
    x = np.random.default_rng(1).standard_normal((300, 3))
    other = 0.5 * x[:200]
    means = regret("policy=value-at-risk,column=0", other.mean(axis=1, keepdims=True), x.mean(axis=1, keepdims=True))
    assert regret("policy=value-at-risk", other, x) == means > 0


def test_uncorrelated_columns_are_held_by_their_precisions() -> None:
    real, model = uncorrelated([1.0, 2.0, 4.0]), uncorrelated([3.0, 2.0, 4.0])
    precision, wrong = np.array([1, 1 / 4, 1 / 16]), np.array([1 / 9, 1 / 4, 1 / 16])
    portfolio = policy_of(decision_of("policy=portfolio"))
    assert portfolio.decide(real) == pytest.approx(precision / precision.sum(), rel=1e-6)
    expected = (wrong**2 / precision).sum() / wrong.sum() ** 2 * precision.sum() - 1
    assert regret("policy=portfolio", model, real) == pytest.approx(expected, rel=1e-6)


def test_no_share_is_negative_and_none_is_better_by_a_general_optimiser() -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((200, 4)) @ rng.standard_normal((4, 4))
    portfolio = policy_of(decision_of("policy=portfolio"))
    shares = portfolio.decide(x)
    assert (shares >= 0).all()
    assert shares.sum() == pytest.approx(1)
    found = minimize(
        lambda w: portfolio.pay(w, x),
        np.full(4, 0.25),
        bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
    )
    assert portfolio.pay(shares, x) == pytest.approx(found.fun, rel=1e-4)


def test_of_rows_that_do_not_differ_every_column_has_the_same_share() -> None:
    point = np.ones((50, 4))
    assert policy_of(decision_of("policy=portfolio")).decide(point) == pytest.approx(0.25)


def joint(slope: float) -> Array:
    """Return rows of a Gaussian score and of a cost that is ``slope`` times it, and noise apart from it."""
    score, noise = norm.ppf((np.arange(4000) + 0.5) / 4000), np.linspace(-1, 1, 5)
    return np.stack([np.repeat(score, 5), (slope * score[:, None] + noise).ravel()], axis=1)


@pytest.mark.parametrize("slope", [0.3, 0.8, 1.6])
def test_a_threshold_is_where_the_expected_cost_is_the_charge(slope: float) -> None:
    """Acting beyond t costs charge (1 - Phi(t)) - 0.8 phi(t), least at charge / 0.8; by a model's slope it is charge / slope."""
    charge = 0.4

    def paid(t: float) -> float:
        return charge * norm.sf(t) - 0.8 * norm.pdf(t)

    argument = f"policy=threshold,score=0,cost=1,charge={charge}"
    assert policy_of(decision_of(argument)).decide(joint(slope)) == pytest.approx(charge / slope, abs=0.01)
    expected = (paid(charge / slope) - paid(0.5)) / (min(charge, 0) - paid(0.5))
    assert regret(argument, joint(slope), joint(0.8)) == pytest.approx(expected, abs=1e-3)


def test_acting_on_all_rows_where_it_is_cheaper_to_act_on_none_costs_more_than_the_score_saves() -> None:
    argument = "policy=threshold,score=0,cost=1,charge=0.4"
    dear, cheap = joint(0.8) + np.array([0, 100]), joint(0.8) - np.array([0, 100])
    assert regret(argument, cheap, joint(0.8)) == pytest.approx(1)  # on none, which costs 0 on average
    assert regret(argument, dear, joint(0.8)) > 1  # on all, which costs 0.4


def test_rows_of_one_score_are_treated_alike() -> None:
    x = np.array([[0.0, -1], [1, -5], [1, 9], [2, 3]])
    assert policy_of(decision_of("policy=threshold,score=0,cost=1")).decide(x) == pytest.approx(0.5)


@pytest.mark.parametrize("argument", DECISIONS)
@given(seed=st.integers(0, 10_000))
def test_no_decision_is_better_than_the_best_and_units_do_not_matter(argument: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    real, made = rng.standard_normal((60, 2)), rng.standard_normal((40, 2)) * rng.uniform(0.1, 3)
    policy = policy_of(decision_of(argument))
    if policy.scale(real) < 1e-3:
        return
    assert policy.regret(real, real) == pytest.approx(0, abs=1e-7)
    value = policy.regret(made, real)
    assert 0 <= value < math.inf
    if "threshold" not in argument:  # whose charge is in the units of the cost
        assert policy.regret(7 * made, 7 * real) == pytest.approx(value, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (
            "policy=newsvender",
            "'value-at-risk', 'portfolio' or 'threshold', not 'newsvender'",
        ),
        ("policy=portfolio,ratio=0.9", "policy=portfolio has no ratio (known: none)"),
        ("policy=newsvendor,level=0.9", "policy=newsvendor has no level (known: column, ratio)"),
        ("policy=newsvendor,ratio=1", "ratio: input should be less than 1, not '1'"),
        ("policy=threshold,score=1,cost=1", "score and cost should be two columns, not 1 twice"),
        ("newsvendor", "'newsvendor' should be key=value"),
        ("policy=newsvendor,column=2", "the table has no column 2: columns are counted from 0 to 1"),
        ("policy=threshold,charge=1000", "the score tells nothing of the cost on the held-out rows"),
    ],
)
def test_a_decision_that_cannot_be_made_is_refused_before_anything_is_trained(argument: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        metrics.find(declaration, f"decision_regret:{argument}").require(ADAPTER)
    assert message in str(error.value)


def test_it_is_measured_only_where_a_suite_names_it() -> None:
    metric = next(metric for metric in declaration.metrics if metric.name == "decision_regret")
    assert not metric.by_default
    with pytest.raises(UserError, match="takes what follows a colon, as in decision_regret:<decision>"):
        metrics.find(declaration, "decision_regret")
