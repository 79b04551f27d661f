"""Online truncation: how it learns from a chain's records, what it does to a Gaussian, and that only those records decide it."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from gaussian_support import Memory, chain, numbers
from gaussian_support import run as run_gaussian
from hypothesis import given
from hypothesis import strategies as st

from fortifai.config import Sampling
from fortifai.contract.declaration import modalities
from fortifai.contract.modality import Likelihood
from fortifai.contract.samples import Samples
from fortifai.errors import UserError
from fortifai.objectives import CrossEntropy, LeavingOut, registry, resolve
from fortifai.objectives import Memory as Recorded
from fortifai.objectives.base import SHARES
from fortifai.objectives.online import RESPONSES, OnlineTruncation
from fortifai.objectives.truncated import leave_out
from fortifai.records.schema import GenerationRecord
from fortifai.recursion.chain import Chain
from fortifai.recursion.measurement import NLL_WITHOUT, OWN_NLL
from fortifai.recursion.protocol import run_chain

RULE = "tce-online"


def run(horizon: int = 6, history: Memory | None = None, **changes: Any) -> Memory:
    return run_gaussian(horizon, history, **{"objective": RULE, **changes})


# How much it leaves out

SLOPE = 0.5
"""Nats by which leaving out everything would lift the entropy of the simulated models below; it is linear in the share."""


def recorded(entropy: float, slope: float = SLOPE) -> Recorded:
    return Recorded(own_nll=entropy, nll_without=tuple(entropy + slope * share for share in SHARES))


def simulate(loss: float, response: float, generations: int = 60) -> tuple[list[float], list[float]]:
    """Return what every generation has lost since generation 0, and the share that it left out, where a chain obeys the model."""
    entropy, past, lost, shares = 1.0, [], [], []
    for _ in range(generations):
        past.append(recorded(entropy))
        shares.append(OnlineTruncation().share(past))
        lost.append(1.0 - entropy)
        entropy += response * SLOPE * shares[-1] - loss
    return lost, shares


@pytest.mark.parametrize("response", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("loss", [0.01, 0.05, 0.1])
def test_a_chain_that_obeys_the_model_gets_back_what_it_lost_and_the_share_that_holds_it(loss, response):
    lost, shares = simulate(loss, response)
    assert lost[-1] == pytest.approx(0, abs=0.01 * loss)
    assert shares[-1] == pytest.approx(loss / (response * SLOPE), rel=0.01)


@pytest.mark.parametrize("response", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("loss", [0.01, 0.05, 0.1])
def test_it_does_not_oscillate_where_the_response_is_not_what_it_assumes(loss, response):
    lost, _ = simulate(loss, response)
    # Generation 1 has lost `loss` before anything can be done; the first answer may miss, and nothing swings after it.
    assert max(lost) <= 1.3 * loss
    assert min(lost) >= -loss - 1e-12
    settling = [abs(value) for value in lost[3:]]
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(settling))
    crossings = sum(before * after < -1e-18 for before, after in pairwise(lost))
    assert crossings <= 1


@given(st.floats(0.001, 0.3), st.floats(*RESPONSES), st.integers(2, 40))
def test_no_response_within_its_bounds_lets_the_share_leave_its_own(loss, response, generations):
    _, shares = simulate(loss, response, generations)
    assert all(0 <= share <= SHARES[-1] for share in shares)
    assert shares[0] == 0


def test_after_one_generation_it_undoes_its_loss_and_half_of_what_is_missing():
    # One transition, without truncation, says d = 0.06; half of 0.06 is missing. Nothing is known yet of the response: it is 1.
    past = [recorded(1.0), recorded(0.94)]
    assert OnlineTruncation().share(past) == pytest.approx((0.06 + 0.03) / SLOPE)


def test_the_share_is_read_off_the_records_own_curve():
    curve = (0.01, 0.03, 0.1, 0.2, 0.35, 0.55)  # convex, as of a model whose surest elements hold little of its spread
    past = [recorded(1.0), Recorded(own_nll=0.9, nll_without=tuple(0.9 + lift for lift in curve))]
    assert OnlineTruncation().share(past) == pytest.approx(0.25)  # 0.1 + 0.05 nats, half way between shares 0.2 and 0.3


def test_more_than_half_is_never_left_out():
    assert OnlineTruncation().share([recorded(1.0), recorded(-50.0)]) == 0.5


@pytest.mark.parametrize("entropies", [(), (1.0,), (1.0, 1.0), (1.0, 1.2), (1.0, 1.1, 1.2)])
def test_where_nothing_was_lost_it_is_cross_entropy(entropies):
    assert isinstance(resolve(RULE).for_generation([recorded(entropy) for entropy in entropies]), CrossEntropy)


def test_it_has_no_parameter_but_the_unit():
    assert resolve(RULE).canonical == RULE
    with pytest.raises(UserError, match="dimensions"):
        resolve("tce-online:dimensions=1")


@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.5, 1.0]) | st.floats(0, 1), st.floats(0.1, 5)), min_size=1, max_size=30),
    st.floats(0, 1),
)
def test_exactly_the_share_goes_the_most_confident_first_and_equals_alike(elements, share):
    p, mass = (torch.tensor(column, dtype=torch.float64) for column in zip(*elements, strict=True))
    weight = leave_out(p, share, mass)
    assert float((weight * mass).sum()) == pytest.approx((1 - share) * float(mass.sum()), abs=1e-9)
    for level in p.unique():
        assert weight[p == level].unique().numel() == 1
    partial = p[(weight > 0) & (weight < 1)].unique()
    assert partial.numel() <= 1
    assert bool((weight[p.argsort()].diff() <= 0).all())


# In the protocol


def test_a_chain_records_the_nll_of_its_own_samples_with_and_without_the_surest_and_truncates_by_it():
    history = run(30)
    past = []
    for record in history.records:
        expected = OnlineTruncation().share(past)
        assert record.masked_share == pytest.approx(expected, abs=1e-12)
        made, model = history.made[record.generation]["x"], history.models[record.generation]
        nll = 0.5 * (made - model.mean) ** 2 / model.variance + 0.5 * math.log(2 * math.pi * model.variance)
        assert record.notes[OWN_NLL] == pytest.approx(float(nll.mean()), rel=1e-12)
        ranked = nll.sort().values  # of a Gaussian, the surest are the most likely
        without = [float(ranked[int(share * len(ranked)) :].mean()) for share in SHARES]
        assert [record.notes[name] for name in NLL_WITHOUT] == pytest.approx(without, rel=1e-12)
        past.append(Recorded(own_nll=float(nll.mean()), nll_without=tuple(without)))
    assert history.records[0].masked_share == 0
    assert 0 < max(record.masked_share for record in history.records) < 0.5


@pytest.mark.parametrize("objective", ["ce", "tce-quantile:keep=0.9", "tce-calibrated"])
def test_other_objectives_neither_pay_for_it_nor_record_it(objective):
    assert all(record.notes == {} for record in run(objective=objective).records)


@pytest.mark.parametrize("start", ["warm", "scratch"])
@pytest.mark.parametrize("strategy", ["replace", "accumulate", "fresh-mix:k=7", "control"])
def test_a_chain_stopped_after_any_generation_resumes_to_the_same_bits(strategy, start):
    changes = {"strategy": strategy, "start": start}
    whole = run(**changes)
    assert any(record.masked_share for record in whole.records)
    for finished in range(7):
        stopped = whole.until(finished)
        # As a run folder keeps them: written as JSON, and read back.
        stopped.records[:] = [GenerationRecord.model_validate_json(record.model_dump_json()) for record in stopped.records]
        resumed = run(history=stopped, **changes)
        assert numbers(resumed.records) == numbers(whole.records)
        assert all(resumed.made[g].fingerprint() == whole.made[g].fingerprint() for g in range(7))


def test_generation_0_is_that_of_cross_entropy():
    assert run(0).made[0].fingerprint() == run(0, objective="ce").made[0].fingerprint()


def test_an_entropy_that_is_not_finite_ends_the_chain(monkeypatch):
    def infinite(self: object, model: object, samples: Samples) -> Likelihood:
        return Likelihood(torch.full((len(samples),), torch.inf), torch.ones(len(samples)))

    monkeypatch.setattr("gaussian_support.Gaussian.likelihood", infinite)
    last = run().records[-1]
    assert (last.generation, last.status) == (0, "diverged")
    assert "own_nll, which the objective goes by" in last.reason


def test_without_a_chain_there_is_nothing_to_decide_it_by():
    p = torch.tensor([0.1, 0.9])
    for use in (resolve(RULE).weights, lambda p: resolve(RULE).loss(-p.log(), p), lambda p: resolve(RULE).outside_chain()):
        with pytest.raises(UserError, match=r"'tce-online'.*use a fixed share, such as tce-quantile"):
            use(p)


@pytest.mark.parametrize(
    "name", [name for name in registry if name not in ("decision", "tce-online", "tce-anchored", "tce-reference")]
)
def test_an_objective_that_depends_on_no_chain_is_used_as_it_is(name):
    objective = resolve(name)
    assert objective.outside_chain() is objective


# What it does to a Gaussian


def analytic(chains: int | None, n: int = 30, objective: str = RULE, temperature: float = 1.0, seed: int = 0) -> Chain[Any]:
    declaration = modalities.get("analytic-gaussian")
    tables = declaration.tables()
    metric = declaration.metrics[0]
    return chain(
        adapter=declaration.bind(tables["model"](), tables["data"](rows=n, held_out=2, chains=chains, seed=seed)),
        n=n,
        start="warm",
        metrics=(metric,),
        fidelity_metric=metric.name,
        objective=objective,
        sampling=Sampling(temperature=temperature),
        seed=seed,
    )


def test_a_batch_of_chains_is_refused_since_its_record_is_of_one():
    with pytest.raises(UserError, match="one by one"):
        list(run_chain(analytic(4), Memory(), 10))


def test_leaving_out_what_it_wants_lifts_the_entropy_of_a_gaussian_by_what_it_expects():
    x = torch.randn(400_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = (x - x.mean()) / x.std(correction=0)
    nll = 0.5 * (x**2 + math.log(2 * math.pi))
    own, ranked = float(nll.mean()), nll.sort().values
    without = tuple(float(ranked[int(share * len(x)) :].mean()) for share in SHARES)
    share = OnlineTruncation().share([recorded(own + 0.02), Recorded(own_nll=own, nll_without=without)])
    weight = LeavingOut(share=share).weights(torch.exp(-nll))
    lift = 0.5 * math.log(float((weight * x**2).sum() / weight.sum()))
    assert lift == pytest.approx(0.03, rel=0.05)  # d and half of what is missing; 5 %: a curve of straight pieces, and the log


def test_through_the_protocol_a_chain_keeps_its_spread_where_cross_entropy_loses_it():
    for seed in range(4):
        deviations = []
        for objective in (RULE, "ce"):
            history = Memory()
            list(run_chain(analytic(None, 30, objective, 0.9, seed), history, 80))
            deviations.append(float(history.models[80].variance) ** 0.5)
        assert 0.5 < deviations[0] < 2
        assert deviations[1] < 0.1
