"""What is odd about a curve is scored all the same, and remarked on."""

import pytest
from trajectory_support import distance, frame

from fortifai.fidelity import score


def row_of(*curves):
    return score(frame({("ce", seed): distance(*phi) for seed, phi in enumerate(curves)})).rows[0]


def test_a_single_generation_is_no_trajectory():
    row = row_of((1,), (1,))
    assert row.fidelity_interval is None
    assert "a single generation, in which no onset can be seen" in row.reason
    mixed = row_of((1,), (1, 0.5))
    assert (mixed.chains, mixed.incomplete, mixed.horizon) == (1, 1, 1)
    assert "1 chain of a single generation, in which no onset can be seen, counts as incomplete" in mixed.reason


def test_odd_curves_are_scored_and_remarked_on():
    row = row_of((1, 0.5, 0.9, 0.9), (1, 0.75, 0.75, 0.8), (1, float("nan"), 0.2, 0.2))
    assert row.fidelity_interval.value == pytest.approx((0.5 + 3 + 0) / 3)
    assert "1 of 3 chains diverged" in row.reason
    assert "1 chain touches the threshold without crossing it" in row.reason
    assert "1 chain comes back over the threshold after its onset" in row.reason
    table = frame({("ce", 0): distance(1, 0.9, 0.8, 0.4)})
    assert (
        score(table[table["generation"] != 0]).rows[0].reason
        == "unscored: no finished chain; 1 chain without generation 0 counts as incomplete"
    )
    assert "1 missing generation bridged" in score(table[table["generation"] != 1]).rows[0].reason
