"""How methods stand across suites: a geometric mean with an interval, and ranks that overlapping intervals share."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fortifai.fidelity.scores import Ratio
from fortifai.leaderboard.schema import Leaderboard, RankedRow, Reproduce
from fortifai.leaderboard.standings import geometric_mean, standings


def ratio(value, low=None, high=None, *, bound=False):
    return Ratio(value=value, low=low, high=high, lower_bound=bound)


def row(objective, er, regime="drift", strategy="replace", modality="tabular"):
    empty = dict.fromkeys(RankedRow.model_fields)
    known = {"objective": objective, "extension_ratio": er, "regime": regime, "strategy": strategy, "modality": modality}
    return RankedRow(
        **(empty | known | {"chains": 3, "censored": 0, "incomplete": 0, "metric": "m", "rule": "phi<0.75", "horizon": 9})
    )


def board(identity, *rows):
    reproduce = Reproduce(fortifai="0", commands=[], seeds={}, generations={}, data={}, nulls={}, commits=[])
    fields = {"suite": identity.partition("@")[0], "version": 1, "identity": identity, "rule": "phi<0.75", "baseline": "ce"}
    return Leaderboard(**fields, rows=list(rows), across_modalities=[], reproduce=reproduce)


def test_the_mean_of_two_ratios_has_the_error_of_both():
    mean = geometric_mean([ratio(2, 1, 4), ratio(8, 8 / math.e, 8 * math.e)])
    half = math.hypot(math.log(2), 1) / 2
    assert mean.value == pytest.approx(4)
    assert (mean.low, mean.high) == pytest.approx((4 * math.exp(-half), 4 * math.exp(half)))
    assert not mean.lower_bound


def test_an_open_end_is_as_far_as_the_other_and_without_an_end_there_is_no_interval():
    mean = geometric_mean([ratio(2, 1, None, bound=True)])
    assert mean.model_dump() == pytest.approx({"value": 2, "low": 1, "high": 4, "lower_bound": True})
    assert geometric_mean([ratio(2, 1, 4), ratio(2)]).low is None
    assert geometric_mean([]) is None


@given(st.lists(st.tuples(st.floats(0.1, 10), st.floats(1.01, 5)), min_size=1, max_size=6))
def test_a_mean_lies_between_its_ratios_and_has_at_most_the_widest_interval(pairs):
    ratios = [ratio(value, value / factor, value * factor) for value, factor in pairs]
    mean = geometric_mean(ratios)
    values = [one.value for one in ratios]
    assert min(values) * (1 - 1e-9) <= mean.value <= max(values) * (1 + 1e-9)
    assert math.log(mean.high / mean.value) <= math.log(max(factor for _, factor in pairs)) + 1e-9


def test_places_are_ordered_and_a_cell_holds_every_form_of_an_objective():
    one = board("a@1", row("tce:gamma=0.5", ratio(2, 1.9, 2.1)), row("tce:gamma=0.7", ratio(8, 7.9, 8.1)), row("ce", ratio(1)))
    two = board("b@2", row("tce", ratio(1, 0.9, 1.1), modality="image"), row("focal", ratio(3), strategy="control"))
    table = standings([("mine", one), ("mine", two)])
    assert [(place.suite, place.regime) for place in table.places] == [("b@2", "drift"), ("a@1", "drift")]
    (only,) = table.rows
    assert (only.method, only.objective, only.places) == ("mine", "tce", 2)
    assert [[cell.objective for cell in cells] for cells in only.cells] == [["tce"], ["tce:gamma=0.5", "tce:gamma=0.7"]]
    assert only.geometric_mean.value == pytest.approx(math.sqrt(1 * 4))


def test_rows_whose_intervals_overlap_share_ranks_and_others_do_not():
    rows = [
        row("a", ratio(4, 3, 5)),
        row("b", ratio(3.5, 2.5, 4.5)),
        row("c", ratio(1, 0.9, 1.1)),
        row("d", ratio(0.5, 0.4, 0.6)),
    ]
    ranks = {one.objective: (one.first, one.last) for one in standings([("m", board("a@1", *rows))]).rows}
    assert ranks == {"a": (1, 2), "b": (1, 2), "c": (3, 3), "d": (4, 4)}


def test_two_are_compared_where_both_were_measured():
    first = board("a@1", row("a", ratio(1, 0.9, 1.1)), row("b", ratio(3, 2.9, 3.1)))
    second = board("b@1", row("a", ratio(9, 8, 10)), row("c", ratio(8.9, 8, 10)))
    table = standings([("m", first), ("m", second)])
    # b outlasts a; c and a are alike; c and b were never measured together.
    assert [(one.objective, one.first, one.last) for one in table.rows] == [("b", 1, 2), ("c", 1, 3), ("a", 2, 3)]
    assert table.rows[0].cells[1] == []


def test_a_ratio_without_an_interval_is_before_none_and_behind_none():
    table = standings([("m", board("a@1", row("a", ratio(1)), row("b", ratio(9, 8, 10)), row("c", ratio(20, 19, 21))))])
    assert {one.objective: (one.first, one.last) for one in table.rows} == {"a": (1, 3), "b": (2, 3), "c": (1, 2)}


def test_two_are_told_apart_by_many_places_where_one_does_not():
    def places(count):
        return [("m", board(f"{i}@1", row("a", ratio(1, 0.8, 1.25)), row("b", ratio(1.3, 1.04, 1.625)))) for i in range(count)]

    for count, expected in ((1, {"a": (1, 2), "b": (1, 2)}), (4, {"a": (2, 2), "b": (1, 1)})):
        assert {one.objective: (one.first, one.last) for one in standings(places(count)).rows} == expected


def test_a_ratio_of_nothing_has_no_logarithm_and_is_left_out():
    assert standings([("m", board("a@1", row("a", ratio(0.0))))]).rows == []
