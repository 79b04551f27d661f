"""A threshold that is set by control chains."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trajectory_support import distance, falling, frame

from fortifai.errors import UserError
from fortifai.fidelity import score

TCE = "tce:gamma=0.9"


def with_controls(lowest, horizon=6):
    """Control chains that come down to these fidelities, beside three that collapse."""
    controls = {("ce", seed): [*distance(1, low), *distance(*[1] * (horizon - 1))] for seed, low in enumerate(lowest)}
    collapsing = {("ce", seed): falling(3 + seed, horizon) for seed in range(3)}
    return pd.concat([frame(controls, strategy="control"), frame(collapsing, strategy="replace")])


def test_the_threshold_is_the_largest_that_the_share_allows():
    lowest = np.linspace(0.8, 0.99, 40)  # even seeds, which set it, have 0.8, 0.8097, 0.8195 ...
    table = score(with_controls(lowest), calibrate_threshold=0.05)
    assert table.rows[0].rule == "phi<0.809"
    assert score(with_controls(lowest), calibrate_threshold=0.049).rows[0].rule == "phi<0.8"
    assert "at most 5 % of 20 control chains (20 seeds) cross it; their rate is that of the 20 others" in table.rows[0].reason


def test_the_false_positive_rate_is_of_the_chains_it_was_not_set_by():
    lowest = np.where(np.arange(20) % 2 == 0, 0.9, 0.5)
    rows = {row.strategy: row for row in score(with_controls(lowest), calibrate_threshold=0.05).rows}
    assert rows["replace"].rule == "phi<0.9"
    rate = rows["replace"].control_false_positive_rate
    assert (rate.value, rate.high) == (1, 1)
    assert rows["control"].censored == 10
    assert rows["replace"].fidelity_interval.value == pytest.approx((1.2 + 1.6 + 2.0) / 3)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.2, 1.2), min_size=20, max_size=50), st.sampled_from([0.05, 0.1, 0.3]))
def test_no_more_than_the_share_of_the_setting_chains_cross(lowest, share):
    tau = float(score(with_controls(lowest), calibrate_threshold=share).rows[0].rule.removeprefix("phi<"))
    setting = np.minimum(lowest, 1)[::2]
    assert np.mean(setting < tau - 1e-9) <= share


def test_too_few_controls_are_refused_with_how_to_get_more():
    table = with_controls([0.9] * 19).assign(suite="tabular-gmm@1")
    with pytest.raises(UserError, match=r"there are 19: `fortifai run tabular-gmm --strategy control --objective ce --seeds 20`"):
        score(table, calibrate_threshold=0.05)
    with pytest.raises(UserError, match="there are 0"):
        score(frame({("ce", 0): falling(3)}), calibrate_threshold=0.05)


def test_requests_that_make_no_sense_are_answered():
    table = with_controls([0.9] * 20)
    with pytest.raises(UserError, match="between 0 and 1"):
        score(table, calibrate_threshold=1.5)
    with pytest.raises(UserError, match=r"cannot go with the rule phi<0\.9"):
        score(table, rule="phi<0.9", calibrate_threshold=0.05)
    with pytest.raises(UserError, match="no threshold serves"):
        score(with_controls([-0.1] * 20), calibrate_threshold=0.05)
