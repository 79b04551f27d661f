"""Wide tables, with a column for each metric or for each generation, score as the long ones."""

import pytest
from trajectory_support import falling, frame

from fortifai.errors import UserError
from fortifai.fidelity import score
from fortifai.fidelity.trajectories.reading import read

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
    scored = score(tmp_path / "t.csv")
    assert scores(scored) == scores(score(LONG)) == scores(score(wide))
    assert "read as a wide table, a column for each generation from 0 to 10" in scored.rows[0].reason


def test_a_column_for_each_metric_scores_as_the_long_table(tmp_path):
    wide = LONG.rename(columns={"value": "w1"}).drop(columns=["metric"]).assign(host="a")
    wide.to_csv(tmp_path / "t.csv", index=False)
    scored = score(tmp_path / "t.csv")
    assert scores(scored) == scores(score(LONG))
    assert "a column for each metric: w1; not numbers, and ignored: host" in scored.rows[0].reason


def test_an_empty_cell_of_a_wide_table_was_not_measured_and_a_nan_is_divergence(tmp_path):
    curves = read(file(tmp_path, "objective,seed,0,1,2\nce,0,1,2,\nce,1,1,nan,2\n")).curves
    assert [(curve.seed, curve.state, curve.horizon) for curve in curves] == [(0, "complete", 1), (1, "diverged", 2)]
    assert {curve.metric for curve in curves} == {"value"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("objective,0,1\nce,1,high\n", "line 2, column 1: value must be a number, not 'high'"),
        ("objective,0,g0\nce,1,2\n", "line 2, column g0: a second value"),
        ("objective,generation,a,b,null\nce,0,1,2,3\n", "one column null for the metrics a, b"),
        ("objective,generation,a\nce,0,x\n", "no column metric, value"),
    ],
)
def test_a_broken_wide_table_is_refused_with_line_and_column(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        read(file(tmp_path, text))


def test_a_nan_in_a_wide_frame_is_refused_as_it_may_mean_two_things():
    wide = by_generation(LONG.drop(index=LONG.index[-1]))
    with pytest.raises(UserError, match=r"row 5, column 10: a NaN in a wide table may be"):
        score(wide)
