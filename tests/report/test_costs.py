"""What a run cost, by objective, against sums by hand."""

import pytest
from trajectory_support import falling, write_chain, write_run

from fortifai.records.numbers import RunNumbers, SharedNumbers
from fortifai.records.run_numbers import numbers_of
from fortifai.report.costs import MEBIBYTE, costs_of


@pytest.fixture
def numbers(tmp_path) -> RunNumbers:
    """Two chains of an objective and one of the baseline, of four generations; each took 0.1 s to fit."""
    run = write_run(tmp_path / "runs")
    for seed in range(2):
        write_chain(run, "a", seed, falling(2, 3))
    write_chain(run, "ce", 0, falling(2, 3))
    return numbers_of(run)


def chains_of(numbers: RunNumbers, objective: str):
    return [chain.generations for chain in numbers.chains if chain.objective == objective]


def test_steps_are_means_from_generation_1_on_and_the_total_is_of_all(numbers):
    for generations, first in zip(chains_of(numbers, "a"), (5.0, 7.0), strict=True):
        generations.seconds.update(fit=[first, 1.0, 2.0, 3.0], take=[0.5, None, None, None])
    costs = costs_of(numbers, "ce")
    assert costs.headings[3:] == ["chains", "generations", "fit, s a generation", "all, s", "peak memory, MiB"]
    assert costs.rows == [
        ["drift", "replace", "ce", "1", "4", "0.1", "0.4", "0"],
        ["drift", "replace", "a", "2", "8", "2", "25", "0"],
    ]


def test_memory_is_the_largest_of_any_chain_and_a_dash_where_none_was_recorded(numbers):
    one, two = chains_of(numbers, "a")
    one.peak_memory_bytes[:] = [MEBIBYTE, 3 * MEBIBYTE, None, None]
    two.peak_memory_bytes[:] = [2 * MEBIBYTE] * 4
    chains_of(numbers, "ce")[0].peak_memory_bytes[:] = [None] * 4
    assert [row[-1] for row in costs_of(numbers, "ce").rows] == ["–", "3"]


def test_generations_0_that_are_shared_are_counted_once(numbers):
    assert costs_of(numbers, "ce").shared_seconds is None
    shared = [SharedNumbers(key=key, seconds={"fit": 4.0, "sample": 2.0}, peak_memory_bytes=None) for key in "ab"]
    assert costs_of(numbers.model_copy(update={"generations_0": shared}), "ce").shared_seconds == "12"


def test_a_chain_of_generation_0_alone_has_a_dash_for_each_step(tmp_path):
    run = write_run(tmp_path / "runs")
    write_chain(run, "ce", 0, falling(2, 3))
    write_chain(run, "tce", 0, falling(2, 0))
    assert costs_of(numbers_of(run), "ce").rows[1][4:7] == ["1", "–", "0.1"]
