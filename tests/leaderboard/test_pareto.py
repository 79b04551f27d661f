"""Cost against FI: what a chain cost, which objectives are on the front, and the same numbers in the plot and the table."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trajectory_support import falling, write_chain, write_run

from fortifai.fidelity.scores import Estimate
from fortifai.leaderboard.pareto import FRONT, Costed, paretos_of, with_front
from fortifai.leaderboard.ranking import rank
from fortifai.records.run_numbers import numbers_of

POSITIVE = st.floats(0.01, 100)


def costed(name: str, seconds: float, lasted: float) -> Costed:
    return Costed(name, seconds, Estimate(value=lasted, low=None, high=None))


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1, max_size=12))
def test_the_front_rises_and_everything_else_is_beaten_by_something_on_it(points):
    objectives = with_front([costed(str(place), *point) for place, point in enumerate(points)])
    front = [(one.seconds, one.interval.value) for one in objectives if one.is_on_front]
    assert front == sorted(front)
    assert [lasted for _, lasted in front] == sorted(lasted for _, lasted in front)
    for one in objectives:
        beaten = any(
            s <= one.seconds and v >= one.interval.value and (s, v) != (one.seconds, one.interval.value) for s, v in front
        )
        assert beaten != one.is_on_front


def test_of_equals_both_are_on_the_front():
    assert all(one.is_on_front for one in with_front([costed("a", 1, 2), costed("b", 1, 2)]))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = write_run(tmp_path / "runs")
    for seed in range(3):  # a generation takes 0.1 s
        write_chain(run, "ce", seed, falling(2 + seed))
        write_chain(run, "tce:gamma=0.9", seed, falling(5 + seed, 20), horizon=20)
        write_chain(run, "focal:gamma=2", seed, falling(1 + seed))
        write_chain(run, "ce", seed, falling(90), strategy="control")
    write_chain(run, "ce", 3, falling(2, 4), horizon=10)  # not finished
    return run


def test_costs_are_medians_over_finished_chains_and_controls_have_no_place(run):
    numbers = numbers_of(run)
    (pareto,) = paretos_of(numbers, rank(numbers, []))
    assert [(row[1], row[2], row[4]) for row in pareto.rows()] == [
        ("ce", "1.10", "yes"),
        ("focal:gamma=2", "1.10", "no"),
        ("tce:gamma=0.9", "2.10", "yes"),
    ]


def test_the_plot_has_the_numbers_of_the_table(run):
    numbers = numbers_of(run)
    (pareto,) = paretos_of(numbers, rank(numbers, []))
    *dots, front = pareto.plot().lines
    assert [(dot.name, dot.marks) for dot in dots] == [(f"{row[0]} {row[1]}", (row[0],)) for row in pareto.rows()]
    assert [float(dot.y[0]) for dot in dots] == [one.interval.value for one in pareto.objectives]
    assert front.name == FRONT
    assert list(front.x[:-1]) == [one.seconds for one in pareto.objectives if one.is_on_front]
