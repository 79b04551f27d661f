"""What is left of a plan, and what it costs: as declared at first, then as measured."""

import pytest
from planning_support import Done, cost, plan, regime, suite

from fortifai.contract.modality import Modality
from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter
from fortifai.planning.cost import chain_seconds
from fortifai.planning.plan import Measured
from fortifai.records.reading import Progress
from fortifai.recursion.strategies import resolve


def test_before_anything_ran_the_cost_is_what_the_suite_declares():
    # 8 chains of 3 generations and their generations 0, of which two chains share each; 60 training samples
    assert cost().seconds == pytest.approx((8 * 3 + 4) * (0.5 + 0.01 * 60))
    assert cost(workers=2).seconds == pytest.approx(cost().seconds / 2)
    assert cost(workers=100).seconds == pytest.approx(cost().seconds / 8, abs=0.05)
    growing = cost(strategies=["accumulate"]).seconds
    assert growing == pytest.approx(4 * (4 * 0.5 + 0.01 * 60 * (1 + 2 + 3 + 4)))


def test_generation_0_is_counted_once_for_all_chains_that_share_it():
    alike = suite(regime(objectives=("ce", "tce-anchored:unit=row", "tce-online", "tce-quantile:keep=0.9")))
    planned = cost(alike, seeds=1)
    assert (planned.generations_0, planned.sharing) == (2, 8)
    assert planned.seconds == pytest.approx((8 * 3 + 2) * (0.5 + 0.01 * 60))
    begun = plan(alike, seeds=1)
    keys = {begun.generation_0(chain) for chain in begun.chains}
    assert len(keys) == 2
    there = cost(alike, Done(generations_0=keys), seeds=1)
    assert (there.generations_0, there.sharing) == (0, 8)
    assert planned.seconds - there.seconds == pytest.approx(2 * (0.5 + 0.01 * 60))
    assert there.disk_bytes < planned.disk_bytes
    one_left = {chain.id: Progress("partial", 1) for chain in begun.chains[1:]}
    assert (cost(alike, Done(one_left), seeds=1).generations_0, cost(alike, Done(one_left), seeds=1).sharing) == (1, 1)


def test_generation_0_is_averaged_on_its_own():
    measured = [Measured(0, 60, 7.0), Measured(0, 60, 9.0), Measured(1, 60, 1.0), Measured(2, 60, 3.0)]
    assert cost(done=Done(speed=measured)).seconds == pytest.approx(4 * 8.0 + 8 * 3 * 2.0)


@pytest.mark.parametrize(("strategy", "sizes"), [("replace", [10, 10, 10]), ("accumulate", [30, 40, 50])])
def test_a_generation_costs_a_fixed_time_and_time_for_each_training_sample(strategy, sizes):
    seconds = chain_seconds(resolve(strategy), 10, range(2, 5), fixed=2.0, per_sample=0.5)
    assert seconds == pytest.approx(sum(2 + 0.5 * size for size in sizes))


def test_the_cost_grows_with_seeds_and_horizon_and_memory_with_workers():
    base, seeds, longer = cost(), cost(seeds=4), cost(generations=10)
    assert base.seconds > 0
    assert base.disk_bytes > 0
    assert base.memory_bytes > 100 * 2**20
    assert seeds.seconds == pytest.approx(2 * base.seconds)
    assert seeds.disk_bytes == pytest.approx(2 * base.disk_bytes)
    assert longer.seconds > base.seconds
    assert cost(workers=2).memory_bytes == 2 * base.memory_bytes


def test_what_is_kept_decides_the_disk():
    none, last, samples, everything = (cost(keep=k, generations=20).disk_bytes for k in ("none", "last", "samples", "all"))
    assert 0 < none < last < samples < everything


def test_what_is_done_costs_nothing_more():
    chains = plan().chains
    all_done = {chain.id: Progress("done", 4) for chain in chains} | {chains[0].id: Progress("diverged", 2)}
    finished = cost(done=Done(all_done))
    assert (finished.seconds, finished.disk_bytes) == (0, 0)
    half = cost(done=Done({chain.id: Progress("partial", 3) for chain in chains}))
    assert half.seconds == pytest.approx(8 * (0.5 + 0.01 * 60))
    one_left = cost(done=Done({**all_done, chains[3].id: Progress("failed", 1)}))
    assert one_left.seconds == pytest.approx(3 * (0.5 + 0.01 * 60))


def test_once_something_ran_the_cost_is_what_was_measured():
    sizes = ((60, 2.0), (120, 3.0), (180, 4.0))  # 1 s, and 1 s for each 60 samples
    exact = Done(speed=[Measured(1, size, seconds) for size, seconds in sizes])
    assert cost(done=exact).seconds == pytest.approx((8 * 3 + 4) * 2.0)
    assert cost(done=exact, strategies=["accumulate"]).seconds == pytest.approx(4 * (2 + 3 + 4 + 5))
    same_size = Done(speed=[Measured(1, 60, 2.0), Measured(2, 60, 4.0)])
    assert cost(done=same_size).seconds == pytest.approx((8 * 3 + 4) * 3.0)
    firsts = Done(speed=[Measured(0, 60, 5.0)])  # nothing else yet to go by
    assert cost(done=firsts).seconds == pytest.approx((8 * 3 + 4) * 5.0)


def test_workers_share_a_gpu_and_multiply_cores():
    gpu = suite(regime(gpu=True))
    assert cost(gpu, workers=2).seconds == cost(gpu, workers=2).gpu_seconds == cost().seconds
    both = suite(regime(), regime(name="on-a-gpu", gpu=True))
    assert cost(both, workers=2).seconds == pytest.approx(cost().seconds / 2 + cost().seconds)


def test_a_model_of_unknown_size_is_as_large_as_one_that_is_kept(monkeypatch):
    told = cost(keep="all")
    monkeypatch.setattr(GaussianMixtureAdapter, "model_bytes", Modality.model_bytes)
    unknown = cost(keep="all")
    assert (unknown.disk_bytes, unknown.memory_bytes) == (None, None)
    assert unknown.seconds == told.seconds
    small, large = (cost(done=Done(model=size), keep="all") for size in (1_000, 101_000))
    assert large.disk_bytes - small.disk_bytes == (8 * 4 + 4) * 100_000  # of every generation, and those that chains share
    assert large.memory_bytes > small.memory_bytes


def test_what_the_adapter_says_of_its_models_counts_before_what_is_kept():
    assert cost(done=Done(model=10**9)).disk_bytes == cost().disk_bytes
