"""A generation 0 that lies in another file counts as if it stood at the head of the series."""

import pandas as pd
import pytest
from trajectory_support import falling, frame

from fortifai.errors import UserError
from fortifai.fidelity import compare, score

TCE = "tce:gamma=0.9"
WHOLE = frame({(o, s): falling(t + s / 3) for o, t in (("ce", 2), (TCE, 5)) for s in range(3)}, strategy="replace")
LATER = WHOLE[WHOLE["generation"] > 0]
ZERO = WHOLE[WHOLE["generation"] == 0]
SHARED = ZERO[ZERO["objective"] == "ce"].assign(objective="*")


def written(folder, table, name="zero.csv"):
    table.to_csv(folder / name, index=False)
    return folder / name


def numbers(table):
    return [row.model_dump(exclude={"reason"}) for row in table.rows]


@pytest.mark.parametrize(
    "zero",
    [
        ZERO,
        SHARED,
        ZERO.drop(columns=["generation", "null", "better"]),
        pd.concat([SHARED.assign(objective="ce"), ZERO[ZERO["objective"] == TCE]]).sample(frac=1, random_state=0),
    ],
    ids=["each its own", "one for all objectives of a seed", "nothing but values", "in any order"],
)
def test_a_series_with_its_start_elsewhere_scores_as_the_whole(tmp_path, zero):
    path = written(tmp_path, zero)
    scored = score(LATER, generation_zero=path)
    assert numbers(scored) == numbers(score(WHOLE))
    assert f"generation 0 of 6 series from {path}" in scored.rows[0].reason
    assert numbers(score(written(tmp_path, LATER, "t.csv"), generation_zero=path)) == numbers(scored)


def test_null_and_direction_may_stand_in_the_file_of_generation_0_alone(tmp_path):
    path = written(tmp_path, ZERO)
    assert numbers(score(LATER.drop(columns=["null", "better"]), generation_zero=path)) == numbers(score(WHOLE))


def test_a_start_that_is_lost_is_divergence_at_0(tmp_path):
    lost = ZERO.assign(value=ZERO["value"].where((ZERO["objective"] == "ce") | (ZERO["seed"] > 0), "nan"))
    row = score(LATER, generation_zero=written(tmp_path, lost)).rows[1]
    assert (row.chains, "1 of 3 chains diverged" in row.reason) == (3, True)
    assert row.fidelity_interval.value == pytest.approx((0 + 5 + 1 / 3 + 5 + 2 / 3) / 3)


def test_what_belongs_to_no_series_is_counted_and_a_series_without_a_start_is_incomplete(tmp_path):
    other = ZERO.assign(seed=ZERO["seed"].replace(2, 7))
    scored = score(LATER, generation_zero=written(tmp_path, other))
    assert [(row.chains, row.incomplete) for row in scored.rows] == [(2, 1), (2, 1)]
    assert "2 rows of" in scored.rows[0].reason
    assert "belong to no series" in scored.rows[0].reason
    assert "1 chain without generation 0" in scored.rows[0].reason


@pytest.mark.parametrize(
    ("zero", "message"),
    [
        (WHOLE, "holds generation 1, and should hold generation 0 alone"),
        (ZERO.assign(strategy="accumulate"), "no row of it is of the same strategy as a series"),
        (ZERO.drop(columns="strategy"), "no row of it is of the same strategy as a series"),
        (ZERO.assign(metric="w2", seed=9), "no row of it is of the same seed, metric as a series"),
        (pd.concat([ZERO, SHARED]), "a second generation 0 for ce, seed 0, metric w1"),
        (ZERO.assign(null=2.0), r"null is 2.0, and 1.0 in the series of ce"),
        (ZERO.assign(better="higher"), "better is higher, and lower in the series of ce"),
        (ZERO.drop(columns="objective"), "no column objective"),
    ],
)
def test_a_file_that_does_not_belong_to_the_series_is_refused(tmp_path, zero, message):
    with pytest.raises(UserError, match=message):
        score(LATER, generation_zero=written(tmp_path, zero))


def test_one_generation_0_too_many_and_options_that_contradict_each_other_are_refused(tmp_path):
    path = written(tmp_path, ZERO)
    with pytest.raises(UserError, match="a second generation 0 for ce, seed 0"):
        score(WHOLE, generation_zero=path)
    with pytest.raises(UserError, match="--first-generation says"):
        score(LATER, generation_zero=path, first_generation=1)
    with pytest.raises(UserError, match="no such file to read generation 0 from"):
        score(LATER, generation_zero=tmp_path / "none.csv")


def test_two_files_are_compared_from_one_generation_0(tmp_path):
    path = written(tmp_path, SHARED)
    assert (
        compare(LATER, LATER, objective=["ce", TCE], generation_zero=path).rows[0].ratio == score(WHOLE).rows[1].extension_ratio
    )
