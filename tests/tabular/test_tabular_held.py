"""The objective `decision`: which weights it gives, and what a recursion of Gaussians under it does, in closed form."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import norm

from fortifai.config import Sampling
from fortifai.contract.samples import Samples
from fortifai.errors import UserError
from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter
from fortifai.modalities.tabular.config import MixtureConfig, TableData
from fortifai.modalities.tabular.held import HEAVIEST, HeldAt
from fortifai.objectives import CrossEntropy, Memory, Objective, resolve
from fortifai.randomness import stream

RATIO, SHRINK, GENERATIONS, N = 0.9, 0.9, 8, 20_000
NAME = f"decision:policy=newsvendor,ratio={RATIO}"


def held_at(decision: float, name: str = NAME) -> Objective:
    return resolve(name).for_generation([Memory(observed=(decision,)), Memory(observed=(99.0,))])


def weights(x: torch.Tensor, decision: float, weight: torch.Tensor | None = None) -> torch.Tensor:
    found = held_at(decision).weigh({"x": x}, torch.ones(len(x), dtype=torch.float64) if weight is None else weight)
    assert found is not None
    return found


@given(seed=st.integers(0, 10_000), decision=st.floats(-1, 1.5))
def test_weights_hold_the_decision_are_1_on_average_and_nearest_to_1(seed: int, decision: float) -> None:
    rng = np.random.default_rng(seed)
    x, own = torch.from_numpy(rng.standard_normal((80, 1))), torch.from_numpy(rng.uniform(0.5, 2, 80))
    w = weights(x, decision, own)
    assume(0 < int((x <= decision).sum()) < len(x))
    assume(float(w.max()) < HEAVIEST)
    derivative = (x[:, 0] <= decision).double() - RATIO
    assert float((own * w).sum() / own.sum()) == pytest.approx(1)
    assert float((own * w * derivative).sum()) == pytest.approx(0, abs=1e-9)
    # The least of sum own (w - 1)^2 under these two conditions is w - 1 in their span.
    span = torch.stack([torch.ones(80, dtype=torch.float64), derivative], dim=1)
    rest = w - 1 - span @ torch.linalg.lstsq(span, (w - 1).unsqueeze(1)).solution[:, 0]
    assert float(rest.abs().max()) < 1e-9


def test_rows_from_which_the_same_is_decided_all_count_the_same() -> None:
    x = torch.arange(1, 11, dtype=torch.float64).unsqueeze(1)
    observed = resolve(NAME).observe({"x": x})
    assert observed == [9.0]
    assert torch.equal(weights(x, observed[0]), torch.ones(10, dtype=torch.float64))


@pytest.mark.parametrize(("decision", "heavy"), [(998.5, 1), (0.5, 1)])
def test_no_row_weighs_more_than_ten_of_its_kind(decision: float, heavy: int) -> None:
    x = torch.arange(1000, dtype=torch.float64).unsqueeze(1)
    w = weights(x, decision)
    assert float(w.max()) == HEAVIEST
    assert float(w.mean()) == pytest.approx(1)
    assert int((w == HEAVIEST).sum()) == heavy


@pytest.mark.parametrize("decision", [-1.0, 5.0])
def test_where_all_rows_are_on_one_side_there_is_nothing_to_hold(decision: float) -> None:
    x = torch.linspace(0, 4, 50, dtype=torch.float64).unsqueeze(1)
    assert torch.equal(weights(x, decision), torch.ones(50, dtype=torch.float64))


def test_a_limit_looks_at_the_mean_of_all_columns() -> None:
    x = torch.randn(200, 3, dtype=torch.float64, generator=stream("limit"))
    name = "decision:policy=value-at-risk,level=0.8"
    observed = resolve(name).observe({"x": x})[0]
    assert observed == float(x.mean(dim=1).sort().values[159])
    w = held_at(0.3, name).weigh({"x": x}, torch.ones(200, dtype=torch.float64))
    assert w is not None
    assert float((w * (x.mean(dim=1) <= 0.3)).mean()) == pytest.approx(0.8)


def test_generation_0_is_cross_entropy_and_only_its_own_decision_is_held() -> None:
    assert isinstance(resolve(NAME).for_generation([]), CrossEntropy)
    held = held_at(1.25)
    assert isinstance(held, HeldAt)
    assert held.decision == 1.25
    assert torch.equal(held.weights(torch.tensor([0.1, 5.0])), torch.ones(2))
    with pytest.raises(ValueError, match="decision reads what generation 0 observed"):
        resolve(NAME).for_generation([Memory()])


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(UserError, match="policy=portfolio is no single number to hold: take newsvendor or value-at-risk"):
        resolve("decision:policy=portfolio")
    for use in (lambda: resolve(NAME).outside_chain(), lambda: resolve(NAME).weights(torch.rand(3))):
        with pytest.raises(UserError, match=r"holds the decision of a chain's generation 0, and no chain runs here"):
            use()


def moments_after(mean: float, variance: float, decision: float) -> tuple[float, float]:
    """Return the moments of a Gaussian read out with its variance shrunk, and weighed by tau / F and (1 - tau) / (1 - F).

    By the first two moments of a Gaussian that is truncated at u deviations, from below and from above.
    """
    deviation = math.sqrt(SHRINK * variance)
    u = (decision - mean) / deviation
    below, above = -norm.pdf(u) / norm.cdf(u), norm.pdf(u) / norm.sf(u)
    first = RATIO * below + (1 - RATIO) * above
    second = RATIO * (1 + u * below) + (1 - RATIO) * (1 + u * above)
    return mean + deviation * first, deviation**2 * (second - first**2)


def test_a_recursion_of_gaussians_follows_the_moments_of_truncated_ones_and_keeps_the_order() -> None:
    adapter = GaussianMixtureAdapter(MixtureConfig(components=1), TableData(source="mixture-2d"))
    samples = Samples.real(x=torch.randn(N, 1, dtype=torch.float64, generator=stream("held", "real")))
    order = float(norm.ppf(RATIO))
    objective, model, expected = held_at(order), None, (0.0, 1.0 / SHRINK)
    for generation in range(GENERATIONS):
        factor = objective.weigh(samples.data, samples.weights())
        assert factor is not None
        model = adapter.fit(samples.weighted(factor), objective, model, stream("fit", generation)).model
        samples = Samples.synthetic(
            adapter.sample(model, samples, Sampling(temperature=SHRINK), stream("held", generation)), generation
        )
        expected = moments_after(*expected, order)
    mean, variance = expected
    # A mean of 20,000 scatters by 0.7 % of a deviation in every generation, and a quantile of 0.9 by 1.2 %.
    assert float(model.means[0, 0]) == pytest.approx(mean, abs=0.05)
    assert float(model.covariances[0, 0, 0]) == pytest.approx(variance, rel=0.1)
    assert float(samples["x"].quantile(RATIO)) == pytest.approx(order, abs=0.1)
    assert float(samples["x"].var()) > 1.2 * SHRINK**GENERATIONS
