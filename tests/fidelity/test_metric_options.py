"""What a user says beside the data: the null of a metric, and which way it is better."""

import pandas as pd
import pytest
from trajectory_support import NULL, falling, frame

from fortifai.errors import UserError
from fortifai.fidelity import score

LONG = frame({(o, s): falling(t + s) for o, t in (("ce", 2), ("tce:gamma=0.9", 5)) for s in range(3)})


def scores(table):
    return [row.model_dump(exclude={"reason", "other_thresholds"}) for row in table.rows]


def test_a_null_and_a_direction_may_stand_beside_the_data_instead_of_in_it():
    bare = LONG.drop(columns=["null", "better"])
    assert scores(score(bare, null=NULL, better="lower")) == scores(score(LONG))
    assert scores(score(bare, null={"w1": NULL})) == scores(score(LONG))
    assert "null given as 1;" in score(bare, null=NULL).rows[0].reason + ";"
    assert "null given as 2 instead of 1" in score(LONG, null=2).rows[0].reason
    accuracy = frame({("ce", 0): [0.9, 0.8, 0.5]}).drop(columns=["null", "better"])
    assert score(accuracy, null=0.5, better="higher").rows[0].fidelity_interval.value == pytest.approx(1)
    assert "no better than the null" in score(accuracy, null=0.5).rows[0].reason


def test_options_that_do_not_fit_the_data_are_refused():
    several = pd.concat([LONG, LONG.assign(metric="w2")])
    with pytest.raises(UserError, match=r"one null for 2 metrics: say which, as in w1=1"):
        score(several, null=1)
    assert {row.metric for row in score(several.drop(columns="null"), null={"w2": 1}).rows} == {"w2"}
    with pytest.raises(UserError, match="unknown metric 'w3'; did you mean"):
        score(several, null={"w3": 1})
    with pytest.raises(UserError, match="finite number"):
        score(LONG, null=float("nan"))
    with pytest.raises(UserError, match="w1: better higher contradicts the data"):
        score(LONG, better="higher")
    with pytest.raises(UserError, match="lower or higher, not 'up'"):
        score(LONG, better="up")


def test_a_rule_against_the_metrics_own_direction_says_so():
    assert "calls an improvement a collapse" in score(LONG, rule="w1<0.5").rows[0].reason
    assert "improvement" not in (score(LONG, rule="w1>0.5").rows[0].reason or "")
