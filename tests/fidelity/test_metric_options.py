"""Tables in any shape, and what a user says beside them: direction, null, and what is odd about a curve."""

import pandas as pd
import pytest
from fidelity_support import NULL, distance, falling, frame

from fortifai.errors import UserError
from fortifai.fidelity import score
from fortifai.fidelity.trajectories.reading import read_csv

LONG = frame({(o, s): falling(t + s) for o, t in (("ce", 2), ("tce:gamma=0.9", 5)) for s in range(3)})


def by_generation(table=LONG):
    keys = ["objective", "seed", "metric", "null", "better"]
    return table.pivot(index=keys, columns="generation", values="value").reset_index()


def scores(table):
    return [row.model_dump(exclude={"reason", "other_thresholds"}) for row in table.rows]


def file(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    return tmp_path / "t.csv"


@pytest.mark.parametrize("name", ["{}", "g{}", "gen_{}", "Generation {}"])
def test_a_column_for_each_generation_scores_as_the_long_table(tmp_path, name):
    wide = by_generation().rename(columns=lambda c: name.format(c) if isinstance(c, int) else c)
    wide.to_csv(tmp_path / "t.csv", index=False)
    found = score(tmp_path / "t.csv")
    assert scores(found) == scores(score(LONG)) == scores(score(wide))
    assert "read as a wide table, a column for each generation from 0 to 10" in found.rows[0].reason


def test_a_column_for_each_metric_scores_as_the_long_table(tmp_path):
    wide = LONG.rename(columns={"value": "w1"}).drop(columns=["metric"]).assign(host="a")
    wide.to_csv(tmp_path / "t.csv", index=False)
    found = score(tmp_path / "t.csv")
    assert scores(found) == scores(score(LONG))
    assert "a column for each metric: w1; not numbers, and ignored: host" in found.rows[0].reason


def test_an_empty_cell_of_a_wide_table_was_not_measured_and_a_nan_is_divergence(tmp_path):
    table = read_csv(file(tmp_path, "objective,seed,0,1,2\nce,0,1,2,\nce,1,1,nan,2\n"))
    ends = table.drop_duplicates("seed").set_index("seed")
    assert ends["state"].to_dict() == {0: "complete", 1: "diverged"}
    assert ends["horizon"].to_dict() == {0: 1, 1: 2}
    assert set(table["metric"]) == {"value"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("objective,0,1\nce,1,high\n", "line 2, column 1: value must be a number, not 'high'"),
        ("objective,0,g0\nce,1,2\n", "line 2, column g0: a second value"),
        ("objective,generation,a,b,null\nce,0,1,2,3\n", "one column null for the metrics a, b"),
        ("objective,generation,a\nce,0,x\n", "no column metric, value"),
    ],
)
def test_a_broken_wide_table_is_answered(tmp_path, text, said):
    with pytest.raises(UserError, match=said):
        read_csv(file(tmp_path, text))


def test_a_nan_in_a_wide_frame_is_refused_as_it_may_mean_two_things():
    wide = by_generation(LONG.drop(index=LONG.index[-1]))
    with pytest.raises(UserError, match=r"row 5, column 10: a NaN in a wide table may be"):
        score(wide)


def test_a_null_and_a_direction_may_be_given_instead_of_columns():
    bare = LONG.drop(columns=["null", "better"])
    assert scores(score(bare, null=NULL, better="lower")) == scores(score(LONG))
    assert scores(score(bare, null={"w1": NULL})) == scores(score(LONG))
    assert "null given as 1;" in score(bare, null=NULL).rows[0].reason + ";"
    assert "null given as 2 instead of 1" in score(LONG, null=2).rows[0].reason
    accuracy = frame({("ce", 0): [0.9, 0.8, 0.5]}).drop(columns=["null", "better"])
    assert score(accuracy, null=0.5, better="higher").rows[0].fidelity_interval.value == pytest.approx(1)
    assert "no better than the null" in score(accuracy, null=0.5).rows[0].reason


def test_what_is_given_wrongly_is_answered():
    several = pd.concat([LONG, LONG.assign(metric="w2")])
    with pytest.raises(UserError, match=r"one null for 2 metrics: say which, as in w1=1"):
        score(several, null=1)
    assert {row.metric for row in score(several.drop(columns="null"), null={"w2": 1}).rows} == {"w2"}
    with pytest.raises(UserError, match="unknown metric 'w3'; did you mean"):
        score(several, null={"w3": 1})
    with pytest.raises(UserError, match="finite number"):
        score(LONG, null=float("nan"))
    with pytest.raises(UserError, match="w1 is given as better higher, but the data say otherwise"):
        score(LONG, better="higher")
    with pytest.raises(UserError, match="lower or higher, not 'up'"):
        score(LONG, better="up")


def test_a_rule_against_the_metrics_own_direction_says_so():
    assert "calls an improvement a collapse" in score(LONG, rule="w1<0.5").rows[0].reason
    assert "improvement" not in (score(LONG, rule="w1>0.5").rows[0].reason or "")


def reason_of(*curves):
    return score(frame({("ce", seed): distance(*phi) for seed, phi in enumerate(curves)})).rows[0]


def test_a_single_generation_is_no_trajectory():
    row = reason_of((1,), (1,))
    assert row.fidelity_interval is None
    assert "a single generation, in which no onset can be seen" in row.reason
    mixed = reason_of((1,), (1, 0.5))
    assert (mixed.chains, mixed.incomplete, mixed.horizon) == (1, 1, 1)
    assert "1 chain of a single generation, in which no onset can be seen, counts as incomplete" in mixed.reason


def test_odd_curves_are_scored_and_said():
    row = reason_of((1, 0.5, 0.9, 0.9), (1, 0.75, 0.75, 0.8), (1, float("nan"), 0.2, 0.2))
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
