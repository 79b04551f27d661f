"""Onset, by hand and by its properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortifai.errors import UserError
from fortifai.fidelity.onset import Trajectory, common_horizon, first_crossing, pair_by_seed, restrict
from fortifai.fidelity.rule import parse_rule
from fortifai.fidelity.trajectories.groups import fidelity

curves = st.lists(st.floats(-2, 2, allow_nan=False), min_size=1, max_size=20)
limits = st.floats(0.05, 0.95)


def crossing(values, limit, generations=None):
    generation = np.arange(len(values), dtype=float) if generations is None else np.array(generations, dtype=float)
    return float(first_crossing(generation, np.array(values, dtype=float), np.array([limit]))[0])


def trajectory(values, *, diverged=False, horizon=None, seed=0):
    health = np.array(values, dtype=float)
    generation = np.arange(health.size, dtype=float)
    end = health.size - 1 if horizon is None else horizon
    return Trajectory(seed, generation, health, health, diverged, end, np.full(health.size, np.nan))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 0.5], 0.5),
        ([1, 1, 0.7, 0.1], 1 + 0.25 / 0.3),
        ([0.7, 0.2], 0),
        ([1, 0.75, 0.75], np.inf),
        ([1, 0.75, 0.5], 1),
        ([1, 0.5, 1, 0.5], 0.5),
        ([1, 0.9, 0.8], np.inf),
        ([0.2], 0),
        ([], np.inf),
        ([1, 0.75 - 1e-15, 0.9], np.inf),
    ],
)
def test_the_first_crossing_is_linear_between_generations(values, expected):
    assert crossing(values, 0.75) == pytest.approx(expected)


def test_a_crossing_spans_a_generation_that_was_not_measured():
    assert crossing([1, 0.5], 0.75, generations=[2, 6]) == pytest.approx(4)


def test_many_limits_give_what_each_gives_alone():
    values, many = [1, 0.8, 0.9, 0.3, 0.1], np.linspace(0.05, 0.95, 19)
    together = first_crossing(np.arange(5.0), np.array(values), many)
    assert together.tolist() == [crossing(values, limit) for limit in many]


@given(curves, limits, limits)
def test_a_stricter_threshold_is_crossed_no_later(values, one, other):
    low, high = sorted([one, other])
    assert crossing(values, high) <= crossing(values, low)


@given(curves, limits, st.booleans(), st.integers(0, 30))
def test_an_onset_lies_between_0_and_the_horizon(values, limit, diverged, horizon):
    times, censored = restrict([trajectory(values, diverged=diverged)], limit, horizon)
    assert 0 <= times[0] <= horizon
    assert times[0] == horizon or not censored[0]


@given(
    st.lists(st.floats(-5, 5), min_size=1, max_size=10),
    st.floats(-5, 5),
    st.floats(0.1, 5),
    st.sampled_from([-3.0, -0.5, 0.5, 3.0]),
    st.floats(-10, 10),
)
def test_fidelity_does_not_change_when_the_metric_is_shifted_scaled_or_mirrored(values, reference, gap, scale, shift):
    null = reference + gap
    before = fidelity(np.array(values), null, reference)
    after = fidelity(scale * np.array(values) + shift, scale * null + shift, scale * reference + shift)
    assert after == pytest.approx(before, abs=1e-9 / gap)
    assert fidelity(np.array([reference, null]), null, reference) == pytest.approx([1, 0])


def test_a_diverged_chain_collapses_at_its_last_good_generation():
    assert restrict([trajectory([1, 1, 1], diverged=True, horizon=9)], 0.75, 9).times[0] == 2
    assert restrict([trajectory([1, 0.5, 0.5], diverged=True, horizon=9)], 0.75, 9).times[0] == pytest.approx(0.5)
    assert restrict([trajectory([], diverged=True, horizon=9)], 0.75, 9).times[0] == 0


def test_the_common_horizon_is_the_shortest_of_the_chains_that_did_not_diverge():
    assert common_horizon([trajectory([1] * 9), trajectory([1] * 5), trajectory([1], diverged=True, horizon=1)]) == 4
    assert common_horizon([trajectory([1], diverged=True, horizon=3), trajectory([1], diverged=True, horizon=7)]) == 7


def test_pairs_are_of_the_seeds_that_both_have_in_the_order_of_the_first():
    first = [trajectory([1], seed=seed) for seed in (3, "a", 1)]
    second = [trajectory([1], seed=seed) for seed in (1, 2, 3)]
    pairs = pair_by_seed(first, second)
    assert [[one.seed for one in side] for side in pairs] == [[3, 1], [3, 1]]
    assert pairs[1] == [second[2], second[0]]
    assert pair_by_seed(first, []) == ([], [])


def test_rules_are_read_and_written_back():
    for text in ("phi<0.75", "energy.v2:a-b_c<-1.5", "w1>2", "w1>1e-08"):
        assert str(parse_rule(text)) == text
    assert str(parse_rule(" phi < .9 ")) == "phi<0.9"


def test_a_rule_may_hold_for_several_generations_be_two_sided_and_name_any_metric():
    for text in ("phi<0.75 for 2", "|kurtosis-3|>0.5", "|skew+1|>0.5 for 3", '"val/loss @1">0.5', "'a\"b'<1", '|"a-b c"-1|>2'):
        assert str(parse_rule(text)) == text
    assert parse_rule("phi<0.75 for 1") == parse_rule("phi < 0.75")
    assert parse_rule("w1>2 for 3 generations").generations == 3
    two_sided = parse_rule("|a-b-3|>0.5")
    assert (two_sided.name, two_sided.centre) == ("a-b", 3)
    assert two_sided.health(np.array([2.0, 3.0, 4.0])).tolist() == [-1, 0, -1]
    assert parse_rule('"a b">1').name == "a b"


def test_a_rule_that_must_hold_begins_where_the_first_long_enough_fall_does():
    values = np.array([1, 0.5, 1, 0.5, 0.5, 1, 0.5])
    generation = np.arange(7.0)
    onsets = [float(first_crossing(generation, values, np.array([0.75]), hold)[0]) for hold in (1, 2, 3, 9)]
    assert onsets == [0.5, 2.5, np.inf, np.inf]


@pytest.mark.parametrize(
    "text",
    [
        "phi<0.5 for 0",
        "|phi-1|>0.5",
        "|w1-3|<0.5",
        "|w1-3|>-1",
        "w1>1_0",
        '""<1',
        "w1 for 2",
        "",
        "phi",
        "phi=0.5",
        "phi<=0.5",
        "w1>x",
        "w1>nan",
        "w1<inf",
        "a b<1",
        "phi>0.5",
        "phi<1",
        "phi<0",
    ],
)
def test_a_malformed_rule_is_answered_with_the_grammar(text):
    with pytest.raises(UserError, match="metric<value"):
        parse_rule(text)
