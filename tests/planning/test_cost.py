"""What is left of a plan, and what it costs: as declared at first, then as measured."""

import pytest
from planning_support import Done, cost, plan, regime, suite

from fortifai.planning.cost import chain_seconds
from fortifai.records.reading import Progress
from fortifai.recursion.strategies import resolve


def test_before_anything_ran_the_cost_is_what_the_suite_declares():
    # 8 chains of 4 generations, of 60 training samples each
    assert cost().seconds == pytest.approx(8 * 4 * (0.5 + 0.01 * 60))
    assert cost(workers=2).seconds == pytest.approx(cost().seconds / 2)
    assert cost(workers=100).seconds == pytest.approx(cost().seconds / 8, abs=0.05)
    growing = cost(strategies=["accumulate"]).seconds
    assert growing == pytest.approx(4 * (4 * 0.5 + 0.01 * 60 * (1 + 2 + 3 + 4)))


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
    assert half.seconds == pytest.approx(cost().seconds / 4)
    one_left = cost(done=Done({**all_done, chains[3].id: Progress("failed", 1)}))
    assert one_left.seconds == pytest.approx(3 * (0.5 + 0.01 * 60))


def test_once_something_ran_the_cost_is_what_was_measured():
    exact = Done(speed=[(60, 2.0), (120, 3.0), (180, 4.0)])  # 1 s, and 1 s for each 60 samples
    assert cost(done=exact).seconds == pytest.approx(8 * 4 * 2.0)
    assert cost(done=exact, strategies=["accumulate"]).seconds == pytest.approx(4 * (2 + 3 + 4 + 5))
    assert cost(done=Done(speed=[(60, 2.0), (60, 4.0)])).seconds == pytest.approx(8 * 4 * 3.0)


def test_workers_share_a_gpu_and_multiply_cores():
    gpu = suite(regime(gpu=True))
    assert cost(gpu, workers=2).seconds == cost(gpu, workers=2).gpu_seconds == cost().seconds
    both = suite(regime(), regime(name="on-a-gpu", gpu=True))
    assert cost(both, workers=2).seconds == pytest.approx(cost().seconds / 2 + cost().seconds)
