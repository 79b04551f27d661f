"""Two runs or files beside each other, paired by seed."""

import numpy as np
import pytest
from scipy import stats
from trajectory_support import falling, frame, write_chain, write_run

from fortifai.errors import UserError
from fortifai.fidelity import compare, score

TCE = "tce:gamma=0.9"
A = {("ce", s): falling(2 + s) for s in range(4)}
TIMES = (5, 5.5, 7, 9)
B = {("ce", s): falling(t) for s, t in enumerate(TIMES)}


def run_of(folder, curves, **changes):
    run = write_run(folder)
    for (objective, seed), values in curves.items():
        write_chain(run, objective, seed, values, **changes)
    return run


def test_the_difference_is_the_paired_t_and_the_ratio_is_the_scores():
    (row,) = compare(frame(A), frame(B)).rows
    each = np.array(TIMES) - np.arange(2, 6)
    low, high = stats.t.interval(0.95, 3, each.mean(), stats.sem(each))
    assert [row.difference.value, row.difference.low, row.difference.high] == pytest.approx([each.mean(), low, high])
    assert (row.fidelity_interval_a.value, row.fidelity_interval_b.value) == pytest.approx((3.5, np.mean(TIMES)))
    merged = frame({**A, **{(TCE, seed): values for (_, seed), values in B.items()}})
    scored = score(merged).rows[1]
    assert row.ratio == scored.extension_ratio
    assert row.p_value == scored.p_value
    assert (row.ratio_over_thresholds, row.p_value_over_thresholds) == (
        scored.ratio_over_thresholds,
        scored.p_value_over_thresholds,
    )
    apart = "the threshold decides: the ratio is above 1 by phi<0.75, and not told from 1 over all thresholds"
    assert (row.chains, row.reason) == (4, apart)
    assert apart in scored.reason


def test_a_run_against_itself_differs_by_nothing(tmp_path):
    run = run_of(tmp_path, A)
    (row,) = compare(run, run).rows
    assert (row.difference.value, row.ratio.value, row.p_value) == (0, 1, None)
    assert "no spread" in row.reason


def test_seeds_that_one_lacks_are_left_out_and_remarked_on():
    some = {key: values for key, values in B.items() if key[1] > 0}
    (row,) = compare(frame(A), frame(some)).rows
    assert row.chains == 3
    assert "over the 3 seeds that both have" in row.reason


def test_a_baseline_that_starts_elsewhere_is_remarked_on():
    table = frame(A)
    better = table.assign(value=table["value"] - 0.05)
    (row,) = compare(table, better).rows
    assert "generation 0 differs for 4 seeds (mean w1 0.2 in A, 0.15 in B)" in row.reason
    one = table.assign(value=table["value"].where((table["seed"] != 0) | (table["generation"] != 0), 0.19))
    assert "differs for 1 seed (mean w1 0.2 in A, 0.1975 in B)" in compare(table, one).rows[0].reason
    rounded = table.assign(value=table["value"] * (1 + 1e-12))
    assert "generation 0" not in (compare(table, rounded).rows[0].reason or "")
    by_metric = compare(table, better, rule="w1>0.3").rows[0]
    assert "generation 0" not in (by_metric.reason or ""), "a rule on a metric measures from no baseline"


def test_objectives_are_those_asked_for():
    a, b = frame({**A, **{(TCE, s): falling(6) for s in range(3)}}), frame({**B, **{(TCE, s): falling(8) for s in range(3)}})
    assert [row.objective_a for row in compare(a, b).rows] == ["ce", TCE]
    (row,) = compare(a, b, objective=TCE).rows
    assert row.difference.value == pytest.approx(2)
    (row,) = compare(a, b, objective=["ce", TCE]).rows
    assert (row.objective_a, row.objective_b) == ("ce", TCE)
    with pytest.raises(UserError, match="B has no objective 'focal'; it has ce, tce"):
        compare(a, b, objective=["ce", "focal"])
    with pytest.raises(UserError, match="3 objectives"):
        compare(a, b, objective=["ce"] * 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"identity": {"n": 500, "objective": "x"}}, "n is 200 in A and 500 in B$"),
        ({"identity": {"n": 200, "model": {"width": 3}}}, "model.width is nothing in A and 3 in B$"),
        ({"null": 2.0}, "null is 1.0 in A and 2.0 in B$"),
        ({"strategy": "accumulate"}, "strategy is replace in A and accumulate in B$"),
    ],
)
def test_runs_of_different_protocols_are_refused_with_the_field(tmp_path, changes, message):
    a, b = run_of(tmp_path / "a", A), run_of(tmp_path / "b", B, **changes)
    with pytest.raises(UserError, match=message):
        compare(a, b)


def test_files_of_different_measures_are_refused_with_the_field():
    with pytest.raises(UserError, match=r"null is 1\.0 in A and 2\.0 in B"):
        compare(frame(A), frame(B).assign(null=2.0))
    with pytest.raises(UserError, match="metric is w1 in A and w2 in B"):
        compare(frame(A), frame(B).assign(metric="w2"))
    with pytest.raises(UserError, match=r"^B: rule 'phi<0\.75' needs a null"):
        compare(frame(A), frame(B).drop(columns="null"))
    with pytest.raises(UserError, match="horizon is 10 in A and 8 in B"):
        compare(frame(A), frame({("ce", s): falling(5, 8) for s in range(3)}))
    with pytest.raises(UserError, match="no seed in common"):
        compare(frame(A), frame({("ce", 9): falling(5)}))


def test_the_rules_of_two_suites_must_agree_unless_one_is_asked_for(tmp_path):
    a, b = run_of(tmp_path / "a", A), write_run(tmp_path / "b", rule="phi<0.5")
    for (objective, seed), values in B.items():
        write_chain(b, objective, seed, values)
    with pytest.raises(UserError, match=r"rule is phi<0\.75 in A and phi<0\.5 in B"):
        compare(a, b)
    assert compare(a, b, rule="phi<0.9").rows[0].rule == "phi<0.9"
