"""Online truncation: the rule against its definition, what it does to a Gaussian, and that only a chain's records decide it."""

import sys
from pathlib import Path
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
from fortifai.objectives.online import MOST, OnlineTruncation
from fortifai.objectives.truncated import leave_out
from fortifai.randomness import stream
from fortifai.records.schema import GenerationRecord
from fortifai.recursion.chain import Chain
from fortifai.recursion.measurement import OWN_NLL
from fortifai.recursion.protocol import run_chain

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import online

RULE = "tce-online:gain=1,dimensions=1"


def run(horizon: int = 6, history: Memory | None = None, **changes: Any) -> Memory:
    return run_gaussian(horizon, history, **{"objective": RULE, **changes})


# The rule


@given(
    st.lists(st.floats(-50, 50), min_size=1, max_size=8),
    st.floats(0.01, 3),
    st.integers(1, 20),
)
def test_the_share_is_proportional_to_what_was_lost_since_generation_0(own_nll, gain, dimensions):
    share = OnlineTruncation(gain=gain, dimensions=dimensions).share(own_nll)
    assert share == pytest.approx(min(max(2 * gain / dimensions * (own_nll[0] - own_nll[-1]), 0), 0.5), abs=1e-12)


@pytest.mark.parametrize("own_nll", [(), (1.0,), (1.0, 1.0), (1.0, 0.5, 1.2)])
def test_where_nothing_was_lost_it_is_cross_entropy(own_nll):
    assert isinstance(resolve(RULE).for_generation(own_nll), CrossEntropy)


@pytest.mark.parametrize("dimensions", [1, 3, 7])
def test_a_gain_of_1_puts_a_small_loss_of_a_gaussian_back_at_once(dimensions):
    lost, n = 0.02 * dimensions, 40_000
    share = OnlineTruncation(dimensions=dimensions).share([0.0, -lost])
    x = torch.randn(n, dimensions, dtype=torch.float64, generator=stream("gaussian", dimensions))
    x = torch.linalg.solve_triangular(torch.linalg.cholesky(x.T @ x / n), x.T, upper=False).T  # its covariance is the identity
    weight = LeavingOut(share=share).weights(torch.exp(-x.square().sum(1) / 2))
    entropy = float(torch.logdet((x * weight[:, None]).T @ x / weight.sum())) / 2
    # To first order: with more columns the nearest have more of the spread, and less of it comes back.
    assert 0.75 * lost < entropy < 1.1 * lost


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


def test_a_chain_records_the_mean_nll_of_its_own_samples_and_truncates_by_it():
    history, shares = run(30), []
    own_nll = [record.notes[OWN_NLL] for record in history.records]
    for record in history.records:
        made, model = history.made[record.generation], history.models[record.generation]
        expected = (0.5 * (made["x"] - model.mean) ** 2 / model.variance).mean() + 0.5 * torch.tensor(
            2 * torch.pi * model.variance, dtype=torch.float64
        ).log()
        assert record.notes[OWN_NLL] == pytest.approx(float(expected), rel=1e-12)
        shares.append(OnlineTruncation().share(own_nll[: record.generation]))
        assert record.masked_share == pytest.approx(shares[-1], abs=1e-12)
    assert shares[0] == 0
    assert 0 < max(shares) < MOST


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
    assert "negative log-likelihood" in last.reason


def analytic(chains: int | None, n: int = 30, objective: str = RULE, temperature: float = 1.0, seed: int = 0) -> Chain[Any]:
    declaration = modalities.get("analytic-gaussian")
    tables = declaration.tables()
    metric = declaration.metrics[0]
    return chain(
        adapter=declaration.bind(tables["model"](), tables["data"](rows=n, held_out=2, chains=chains, seed=seed)),
        n=n,
        metrics=(metric,),
        fidelity_metric=metric.name,
        objective=objective,
        sampling=Sampling(temperature=temperature),
        seed=seed,
    )


def test_without_a_chain_there_is_nothing_to_decide_it_by():
    p = torch.tensor([0.1, 0.9])
    for use in (resolve(RULE).weights, lambda p: resolve(RULE).loss(-p.log(), p), lambda p: resolve(RULE).outside_chain()):
        with pytest.raises(UserError, match=r"'tce-online:dimensions=1,gain=1'.*use a fixed share, such as tce-quantile"):
            use(p)


@pytest.mark.parametrize("name", [name for name in registry if name != "tce-online"])
def test_an_objective_that_depends_on_no_chain_is_used_as_it_is(name):
    objective = resolve(name)
    assert objective.outside_chain() is objective


def test_a_batch_of_chains_is_refused_since_its_record_is_of_one():
    with pytest.raises(UserError, match="one by one"):
        list(run_chain(analytic(4), Memory(), 10))


# What it does to a Gaussian


def test_a_simulated_chain_is_a_chain_of_the_protocol(monkeypatch):
    """On a chain's own noise, the simulation follows that chain through the protocol."""
    history = Memory()
    records = list(run_chain(analytic(None, temperature=0.9), history, 20))
    noise = iter([real_samples(analytic(None, temperature=0.9)), *(standard_noise(history, g, 0.9) for g in range(21))])
    monkeypatch.setattr(online.torch, "randn", lambda *_, **__: next(noise).unsqueeze(0))
    simulated = online.chains("online", 30, 0.9, 1, generations=20)
    assert sum(bool(record.masked_share) for record in records) > 5
    assert float(simulated) == pytest.approx(float(history.models[20].variance) ** 0.5, rel=1e-9)


def real_samples(of_chain: Chain[Any]) -> torch.Tensor:
    """The real samples that generation 0 is fitted to."""
    training: list[Samples] = []
    fit = of_chain.adapter.fit
    of_chain.adapter.fit = lambda samples, *rest: training.append(samples) or fit(samples, *rest)
    list(run_chain(of_chain, Memory(), 0))
    return training[0]["x"]


def standard_noise(history: Memory, generation: int, temperature: float) -> torch.Tensor:
    """The noise that a generation's samples are made of."""
    model = history.models[generation]
    return (history.made[generation]["x"] - model.mean) / (model.variance * temperature) ** 0.5


def published() -> list[tuple[int, float, float, float]]:
    """n, temperature, and the medians of ce and tce-online, as docs/laws.md prints them."""
    lines = (Path(__file__).parents[2] / "docs" / "laws.md").read_text("utf-8").splitlines()
    start = lines.index("| n | temperature | ce | tce-calibrated | tce-online | with an integral term |")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start + 2 : start + 8]]
    return [(int(row[0]), float(row[1]), float(row[2].split()[0]), float(row[4].split()[0])) for row in cells]


@pytest.mark.parametrize(("n", "temperature", "ce", "by_online"), [row for row in published() if row[0] == 30])
def test_the_printed_medians_are_those_of_a_small_run(n, temperature, ce, by_online):
    assert float(online.chains("ce", n, temperature, 100).median()) == pytest.approx(ce, abs=0.01)
    # Three standard errors of the median of 100 chains whose log spreads by 0.3.
    assert float(online.chains("online", n, temperature, 100).median()) == pytest.approx(by_online, rel=0.12)


@pytest.mark.parametrize(
    ("n", "temperature", "least", "most"),
    # Without sampling bias the chain rests on a law of mean 1/4 above; with it, below 1 by what one generation takes.
    [(100, 1.0, 1 - 0.1, 1 + 0.25), (100, 0.9, 0.9, 1)],
)
def test_the_median_sigma_stays_where_theory_puts_it_and_every_chain_within_bounds(n, temperature, least, most):
    by_online, by_ce = (online.chains(rule, n, temperature, 100) for rule in ("online", "ce"))
    assert least < float(by_online.median()) < most
    assert float(by_ce.median()) < 0.1
    low, high = by_online.quantile(torch.tensor([0.05, 0.95], dtype=torch.float64)).log()
    assert float(high - low) < 1.5, "open-loop truncation spreads by some 4 at n = 100"


def test_through_the_protocol_too_a_chain_keeps_its_spread_where_cross_entropy_loses_it():
    for seed in range(4):
        deviations = []
        for objective in (RULE, "ce"):
            history = Memory()
            list(run_chain(analytic(None, 30, objective, 0.9, seed), history, 80))
            deviations.append(float(history.models[80].variance) ** 0.5)
        assert deviations[0] > 0.5
        assert deviations[1] < 0.1
