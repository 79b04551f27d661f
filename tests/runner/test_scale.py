"""The simulation of many chains on many nodes, against closed forms."""

import math
import sys
from itertools import chain as joined
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from scale import Cluster, Work, exponential, simulate

WORK = st.lists(st.lists(st.integers(1, 20), min_size=1, max_size=5).map(Work), min_size=1, max_size=25)


@given(WORK, st.integers(1, 6), st.integers(1, 3))
def test_without_losses_it_is_a_list_schedule(work, nodes, slots):
    told = simulate(work, Cluster(nodes, slots))
    totals, workers = [sum(one.seconds) for one in work], nodes * slots
    lower = max(max(totals), sum(totals) / workers)
    assert lower <= told.seconds <= sum(totals) / workers + (1 - 1 / workers) * max(totals) + 1e-9  # Graham 1966
    assert told.worked == sum(totals)
    assert told.commits == sum(len(one.seconds) for one in work)
    ends = [0.0] * workers  # the same, written down in two lines: whoever is free first takes the next one
    for total in totals:
        ends[ends.index(min(ends))] += total
    assert told.seconds == max(ends)


def test_equal_chains_go_in_rounds_and_begin_anew_each_time():
    told = simulate([Work([2.0, 3.0])] * 10, Cluster(2, 2, begin=1.0))
    assert told.seconds == math.ceil(10 / 4) * (1.0 + 2.0 + 3.0)


def test_chains_that_share_a_generation_0_wait_for_it():
    shared = [Work([5.0, 1.0], "a"), Work([0.0, 1.0], "a"), Work([2.0])]
    told = simulate(shared, Cluster(2))
    assert told.seconds == 6.0  # the second chain begins at 5 s, where the third has long made room
    assert simulate(shared[:2], Cluster(2)).seconds == 6.0


@pytest.mark.parametrize(("seconds", "life", "away"), [(1.0, 10.0, 0.0), (2.0, 2.0, 3.0), (4.0, 2.0, 0.5)])
def test_one_chain_takes_what_a_process_that_begins_again_takes(seconds, life, away):
    # A step of c seconds under losses of rate 1/m, each of which costs d: (m + d) (exp(c / m) - 1) on average.
    generations, runs = 25, 400
    took = [
        simulate([Work([seconds] * generations)], Cluster(1, lives=exponential(life, seed), away=away, gives_up=math.inf)).seconds
        for seed in range(runs)
    ]
    expected = generations * (life + away) * math.expm1(seconds / life)
    assert abs(np.mean(took) - expected) < 4 * np.std(took) / math.sqrt(runs)


def test_a_loss_costs_the_generation_that_the_node_was_at_and_the_chain_goes_on_elsewhere():
    def lives(node: int):
        return joined([2.5], repeat(math.inf)) if node == 0 else repeat(math.inf)

    told = simulate([Work([1.0] * 4)], Cluster(2, lives=lives, notice=0.5, away=100.0))
    assert (told.seconds, told.wasted, told.losses) == (2.0 + 0.5 + 0.5 + 2.0, 0.5, 1)


def test_a_chain_that_loses_its_node_too_often_in_a_row_fails():
    told = simulate([Work([10.0]), Work([1.0])], Cluster(1, lives=lambda node: repeat(4.0), gives_up=5))
    assert (told.failed, told.losses, told.seconds) == (1, 5, 4 * 5 + 1.0)


def test_the_driver_commits_one_generation_at_a_time():
    told = simulate([Work([0.0] * 5)] * 8, Cluster(8, commit=0.25))
    assert told.seconds == pytest.approx(8 * 5 * 0.25)


def test_ten_thousand_chains_finish_with_every_generation_committed_once():
    told = simulate([Work([5.0])] * 10_000, Cluster(64, 2, exponential(60.0), away=5.0, notice=1.0, gives_up=math.inf))
    assert (told.commits, told.worked) == (10_000, 50_000.0)
    assert told.losses > 100
    assert told.seconds >= 50_000 / 128
