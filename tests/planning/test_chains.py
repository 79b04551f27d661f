"""Which chains a suite has, in which order, and where each stands."""

import json

import pytest
from planning_support import Done, plan, regime, suite

from fortifai.errors import UserError
from fortifai.planning.chains import PlannedChain
from fortifai.records.reading import Progress


def test_the_chains_are_every_objective_strategy_and_seed():
    planned = plan()
    assert [(chain.seed, chain.strategy, chain.objective) for chain in planned.chains] == [
        (seed, strategy, objective)
        for seed in (0, 1)
        for strategy in ("replace", "control")
        for objective in ("ce", "tce:gamma=0.9,unit=component")
    ]
    assert len({chain.id for chain in planned.chains}) == 8
    assert {(chain.regime, chain.horizon, chain.n) for chain in planned.chains} == {("plain", 3, 60)}
    assert {(status.state, status.finished) for status in planned.statuses(Done())} == {("pending", 0)}
    assert plan() == planned


def test_chains_are_run_seed_by_seed_over_all_regimes():
    chains = plan(suite(regime(), regime(name="other", n=70))).chains
    assert [(c.seed, c.regime) for c in chains] == [(s, r) for s in (0, 1) for r in ("plain", "other") for _ in range(4)]


def test_a_selection_takes_a_part_and_the_baseline_is_always_in_it():
    one = plan(seeds=1, objectives=["tce-quantile:keep=0.980"], strategies=["accumulate"], regimes=["plain", "plain"]).chains
    assert [(c.strategy, c.objective) for c in one] == [
        ("accumulate", "ce"),
        ("accumulate", "tce-quantile:keep=0.98,unit=component"),
    ]
    assert [c.objective for c in plan(seeds=1, objectives=["ce"], strategies=["replace"]).chains] == ["ce"]
    twice = plan(seeds=1, objectives=["tce", "tce:gamma=0.9"], strategies=["replace"]).chains
    assert [c.objective for c in twice] == ["ce", "tce:gamma=0.9,unit=component"]


def test_more_seeds_and_a_longer_horizon_extend_the_same_chains():
    few, many = plan().chains, plan(seeds=5, generations=30).chains
    assert many[: len(few)] != few
    assert [chain.id for chain in many[: len(few)]] == [chain.id for chain in few]
    assert {chain.seed for chain in many} == set(range(5))
    assert {chain.horizon for chain in many} == {30}


def test_a_strategy_that_ends_by_itself_has_a_shorter_horizon():
    assert {chain.horizon for chain in plan(strategies=["fresh-mix:k=3"]).chains} == {2}
    assert {chain.horizon for chain in plan(strategies=["fresh-mix:k=3"], generations=1).chains} == {1}


def test_n_can_be_a_share_of_the_pool_that_is_read():
    planned = plan(suite(regime(n="pool/6", pool=600)))
    pool = planned.facts["plain"].pool
    assert {chain.n for chain in planned.chains} == {pool // 6}
    assert pool // 6 != 100


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"seeds": 0}, "--seeds 0: must be at least 1"),
        ({"generations": 0}, "--generations 0: must be at least 1"),
        ({"regimes": ["plian"]}, "unknown regime 'plian'; did you mean 'plain'"),
        ({"objectives": ["cee"]}, "unknown objective 'cee'; did you mean 'ce'"),
        ({"strategies": ["replcae"]}, "unknown strategy 'replcae'; did you mean 'replace'"),
    ],
)
def test_a_selection_of_what_there_is_not_is_explained(selection, message):
    with pytest.raises(UserError, match=message):
        plan(**selection)


def test_what_remains_is_what_is_neither_done_nor_diverged():
    planned = plan()
    states = ("done", "diverged", "failed", "partial")
    done = Done({chain.id: Progress(state, 2) for chain, state in zip(planned.chains, states, strict=False)})
    assert [status.state for status in planned.statuses(done)] == [*states, *["pending"] * 4]
    remaining = planned.remaining(done)
    assert [(status.chain, status.state, status.finished) for status in remaining[:3]] == [
        (planned.chains[2], "failed", 2),
        (planned.chains[3], "partial", 2),
        (planned.chains[4], "pending", 0),
    ]
    assert len(remaining) == 6


def test_a_chain_without_data_has_no_id_rather_than_an_empty_one():
    fields = {"regime": "plain", "strategy": "replace", "objective": "ce", "seed": 0, "horizon": 3, "n": 60}
    chain = PlannedChain(id=None, data_hash=None, **fields)
    assert json.loads(chain.model_dump_json()) == {**fields, "id": None, "data_hash": None}
    with pytest.raises(UserError, match="plain replace ce seed 0: its data or model is missing on this machine"):
        chain.identity()
    for chain in plan(seeds=1).chains:
        assert chain.identity() == (chain.id, chain.data_hash)
