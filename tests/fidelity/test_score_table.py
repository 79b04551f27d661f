"""From a table of trajectories to score rows."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from trajectory_support import distance, falling, frame

from fortifai.errors import UserError
from fortifai.fidelity import score
from fortifai.report.tables import HEADINGS, as_text

TCE = "tce:gamma=0.9"

ROW = {
    "suite", "modality", "model", "regime", "strategy", "objective", "chains", "censored", "incomplete", "fidelity_interval",
    "extension_ratio", "p_value", "control_false_positive_rate", "metric", "rule", "horizon", "phi_at_generation_0",
    "other_thresholds", "mean_over_thresholds", "ratio_over_thresholds", "p_value_over_thresholds", "masked_share", "reason",
}  # fmt: skip


def curves(ce=(2, 3, 4), tce=(5, 6, 8), horizon=10):
    return {("ce", s): falling(t, horizon) for s, t in enumerate(ce)} | {(TCE, s): falling(t, horizon) for s, t in enumerate(tce)}


def rows(*args, **kwargs):
    return {row.objective: row for row in score(*args, **kwargs).rows}


def test_the_json_has_exactly_the_documented_fields():
    control = frame(curves(), strategy="control")
    document = json.loads(score(pd.concat([frame(curves(), strategy="replace"), control])).model_dump_json())
    assert set(document) == {"schema", "rows"}
    assert document["schema"] == 2
    row = next(row for row in document["rows"] if row["objective"] == TCE and row["strategy"] == "replace")
    assert set(row) == ROW
    assert set(row["fidelity_interval"]) == {"value", "low", "high"}
    assert set(row["extension_ratio"]) == {"value", "low", "high", "lower_bound"}
    assert set(row["ratio_over_thresholds"]) == {"value", "low", "high"}
    assert set(row["control_false_positive_rate"]) == {"value", "low", "high"}
    assert set(row["other_thresholds"]) == {"phi<0.9", "phi<0.5"}
    assert set(row["other_thresholds"]["phi<0.5"]) == {"fidelity_interval", "extension_ratio", "censored"}
    baseline = next(row for row in document["rows"] if row["objective"] == "ce")
    assert baseline["extension_ratio"] is None
    assert baseline["p_value"] is None


def test_fidelity_intervals_and_ratio_of_straight_lines():
    by_objective = rows(frame(curves()))
    assert by_objective["ce"].fidelity_interval.value == pytest.approx(3)
    assert by_objective[TCE].fidelity_interval.value == pytest.approx(19 / 3)
    assert by_objective[TCE].extension_ratio.value == pytest.approx(19 / 9)
    assert by_objective[TCE].phi_at_generation_0 == pytest.approx(1)
    assert by_objective["ce"].other_thresholds["phi<0.5"].fidelity_interval.value == pytest.approx(6)
    assert by_objective["ce"].horizon == 10
    assert by_objective["ce"].control_false_positive_rate is None


def test_the_mean_over_thresholds_is_the_area_under_the_running_minimum():
    # phi runs 1, 0.5, 0.8, 0: the running minimum falls to 0.5, stays until phi is back there at 2.375, and falls to 0 at 3.
    by_objective = rows(frame({("ce", 0): distance(1, 0.5, 0.8, 0)}))
    assert by_objective["ce"].mean_over_thresholds == pytest.approx(0.75 + 1.375 * 0.5 + 0.625 * 0.25, abs=1e-3)


def test_the_reference_is_the_baselines_so_a_worse_start_is_seen():
    by_objective = rows(frame({("ce", 0): distance(1, 0.9), (TCE, 0): distance(0.7, 0.7)}))
    assert by_objective[TCE].phi_at_generation_0 == pytest.approx(0.7)
    assert by_objective[TCE].fidelity_interval.value == 0


def test_an_accuracy_falls_to_its_null():
    accuracy = {("ce", 0): [0.9, 0.7, 0.5], (TCE, 0): [0.9, 0.8, 0.7]}
    by_objective = rows(frame(accuracy, null=0.5, better="higher"))
    assert by_objective["ce"].fidelity_interval.value == pytest.approx(0.5)
    assert by_objective[TCE].fidelity_interval.value == pytest.approx(1)


@pytest.mark.parametrize(("better", "values"), [("lower", [1.0, 2.0]), ("lower", [1.2, 0.9]), ("higher", [0.9, 0.5])])
def test_a_baseline_no_better_than_the_null_is_unscored_with_the_reason(better, values):
    row = rows(frame({("ce", 0): values, (TCE, 0): values}, better=better))[TCE]
    assert "no better than the null" in row.reason
    assert "restricted to" not in row.reason
    assert row.horizon == 1
    assert row.fidelity_interval is row.extension_ratio is row.other_thresholds is row.mean_over_thresholds is None


def test_a_ratio_pairs_the_seeds_that_both_have():
    data = curves()
    del data[TCE, 0]
    row = rows(frame(data))[TCE]
    assert row.extension_ratio.value == pytest.approx(14 / 7)
    assert "2 seeds that both have" in row.reason


def test_a_chain_without_a_baseline_of_its_seed_has_no_fidelity():
    data = curves()
    del data["ce", 0]
    row = rows(frame(data))[TCE]
    assert row.chains == 2
    assert "seed 0" in row.reason
    assert row.fidelity_interval.value == pytest.approx(7)


def test_chains_are_compared_up_to_the_end_of_those_that_have_not_collapsed():
    data = {("ce", 0): falling(4, 20), ("ce", 1): falling(30, 10)} | {(TCE, s): falling(12 + s, 20) for s in range(2)}
    by_objective = rows(frame(data))
    assert by_objective[TCE].horizon == by_objective["ce"].horizon == 10
    assert by_objective[TCE].censored == 2
    assert "restricted to generation 10, the horizon that all" in by_objective[TCE].reason


def test_a_chain_that_was_stopped_after_its_onset_does_not_cut_the_others():
    data = {("ce", s): falling(4, 10) for s in range(3)} | {(TCE, s): falling(12 + s, 20) for s in range(3)}
    by_objective = rows(frame(data))
    assert by_objective[TCE].horizon == by_objective["ce"].horizon == 20
    assert by_objective[TCE].extension_ratio.value == pytest.approx(13 / 4)
    assert (by_objective[TCE].extension_ratio.lower_bound, by_objective[TCE].censored) == (False, 0)
    # By phi < 0.5 the baseline was still above at 8, and is by 10; by 0.2 it never is: other thresholds end where it was stopped.
    assert by_objective[TCE].other_thresholds["phi<0.5"].censored == 3
    assert by_objective[TCE].mean_over_thresholds <= 10
    assert "a chain was stopped at generation 10, after its onset" in by_objective[TCE].reason


def test_a_horizon_may_be_asked_for():
    by_objective = rows(frame(curves()), horizon=4)
    assert (by_objective[TCE].horizon, by_objective[TCE].censored) == (4, 3)
    assert by_objective[TCE].fidelity_interval.value == pytest.approx(4)
    assert "restricted to generation 4, as asked" in by_objective[TCE].reason
    later = rows(frame(curves()), horizon=50)["ce"]
    assert later.horizon == 10
    assert "a horizon of 50 was asked for, and the chains were watched to 10" in later.reason
    with pytest.raises(UserError, match="a generation from 1"):
        score(frame(curves()), horizon=0)


def test_without_a_seed_in_common_the_ratio_is_unpaired_and_says_so():
    table = frame(curves())
    table["seed"] += 10 * (table["objective"] == TCE)
    row = rows(table)[TCE]
    assert row.extension_ratio.value == pytest.approx(19 / 9)
    logs = [np.array(times, dtype=float) for times in ((5, 6, 8), (2, 3, 4))]
    errors = []
    for times in logs:
        left_out = np.log((times.sum() - times) / 2)
        errors.append(stats.sem(3 * np.log(times.mean()) - 2 * left_out))
    variance = errors[0] ** 2 + errors[1] ** 2
    freedom = variance**2 / (errors[0] ** 4 / 2 + errors[1] ** 4 / 2)
    ends = np.exp(stats.t.interval(0.95, freedom, np.log(19 / 9), np.sqrt(variance)))
    assert [row.extension_ratio.low, row.extension_ratio.high] == pytest.approx(ends)
    assert "unpaired: no seed in common" in row.reason
    assert "mean of the baseline's generation 0" in row.reason
    by_metric = rows(table, rule="w1>0.4")[TCE]
    assert "unpaired" in by_metric.reason
    assert "generation 0" not in by_metric.reason


def test_one_seed_gives_points():
    row = rows(frame(curves((2,), (5,))))[TCE]
    assert row.extension_ratio.value == pytest.approx(2.5)
    assert (row.extension_ratio.low, row.p_value) == (None, None)
    assert "fewer than 3 chains" in row.reason


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_divergence(lost):
    data = curves()
    data[TCE, 0] = [*falling(9)[:6], lost, 0.2, 0.2, 0.2, 0.2]
    row = rows(frame(data))[TCE]
    assert row.chains == 3
    assert row.censored == 0
    assert row.fidelity_interval.value == pytest.approx((5 + 6 + 8) / 3)


def test_a_missing_generation_is_bridged_and_a_missing_start_is_incomplete():
    table = frame(curves())
    bridged = table[~((table["seed"] == 0) & (table["generation"] == 2))]
    assert rows(bridged)["ce"].fidelity_interval.value == pytest.approx(3)
    headless = table[~((table["objective"] == TCE) & (table["seed"] == 0) & (table["generation"] == 0))]
    assert rows(headless)[TCE].incomplete == 1
    assert rows(headless)[TCE].chains == 2


def test_control_chains_give_the_false_positive_rate():
    control = {("ce", s): falling(40) for s in range(4)} | {("ce", 4): falling(5)}
    table = pd.concat([frame(curves(), strategy="replace"), frame(control, strategy="control")])
    by_strategy = {(row.strategy, row.objective): row for row in score(table).rows}
    rate = by_strategy["replace", "ce"].control_false_positive_rate
    assert rate.value == pytest.approx(0.2)
    assert rate.low < 0.2 < rate.high
    assert by_strategy["replace", TCE].control_false_positive_rate is None
    assert by_strategy["control", "ce"].control_false_positive_rate == rate


def test_p_values_are_adjusted_over_all_comparisons_of_the_table():
    alone = rows(frame(curves()))[TCE].p_value
    both = pd.concat([frame(curves(), regime=name) for name in ("a", "b")])
    assert [row.p_value for row in score(both).rows if row.objective == TCE] == [pytest.approx(2 * alone)] * 2


def test_an_absolute_rule_needs_neither_null_nor_baseline():
    table = frame(curves()).drop(columns=["null", "better"])
    limit = distance(0.75)[0]
    row = rows(table, rule=f"w1>{limit}")[TCE]
    assert row.extension_ratio.value == pytest.approx(19 / 9)
    assert row.phi_at_generation_0 is row.other_thresholds is row.mean_over_thresholds is None
    alone = rows(table[table["objective"] == TCE], rule=f"w1>{limit}")[TCE]
    assert alone.extension_ratio is None
    assert "no baseline" in alone.reason


def test_another_threshold_shows_the_default_beside_it():
    assert set(rows(frame(curves()), rule="phi<0.8")["ce"].other_thresholds) == {"phi<0.9", "phi<0.75", "phi<0.5"}


def test_any_objective_may_be_the_baseline():
    scored = score(frame(curves()), baseline=TCE).rows
    assert [row.objective for row in scored] == [TCE, "ce"]
    assert scored[1].extension_ratio.value == pytest.approx(9 / 19)


def test_a_missing_null_an_unknown_metric_and_an_absent_baseline_are_refused():
    table = frame(curves())
    with pytest.raises(UserError, match="null"):
        score(table.drop(columns="null"))
    with pytest.raises(UserError, match="did you mean 'w1'"):
        score(table, rule="w2>1")
    with pytest.raises(UserError, match="'cee' is not in the data"):
        score(table, baseline="cee")


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(66)))
def test_the_order_of_rows_does_not_matter(order):
    table = frame(curves())
    assert score(table.iloc[order]) == score(table)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.floats(0.5, 30), st.floats(0.5, 30)), min_size=1, max_size=5))
def test_fidelity_intervals_never_pass_the_horizon(times):
    ce, tce = zip(*times, strict=True)
    for row in score(frame(curves(ce, tce))).rows:
        assert 0 <= row.fidelity_interval.value <= row.horizon
        assert 0 <= row.mean_over_thresholds <= row.horizon


def test_a_score_becomes_a_data_frame_and_a_table_of_text():
    table = score(frame(curves()))
    people = table.to_frame()
    assert people["fidelity_interval"].tolist() == pytest.approx([3, 19 / 3])
    assert people["lower_bound"].tolist() == [False, False]
    assert np.isnan(people["extension_ratio"][0])
    headings, lines = as_text(table)
    assert set(headings) < set(HEADINGS)
    assert "suite" not in headings
    assert all(len(line) == len(headings) for line in lines)
    assert dict(zip(headings, lines[0], strict=True))["censored"] == "0/3"
    never = as_text(score(frame(curves((2, 3, 4), (90, 90, 90)))))
    assert dict(zip(never[0], never[1][1], strict=True))["extension ratio"].startswith("≥ 3.33 [")
