"""What a table cannot mean is refused or left out with a remark: it never becomes a plausible score."""

import gzip

import numpy as np
import pandas as pd
import pytest
from trajectory_support import distance, falling, frame, write_chain, write_run

from fortifai.errors import UserError
from fortifai.fidelity import compare, score
from fortifai.fidelity.trajectories.reading import read

TCE = "tce:gamma=0.9"
HEADER = "objective,seed,generation,metric,value\n"


def table(ce=(2, 3, 4), tce=(4, 6, 8)):
    chains = {("ce", seed): falling(onset, 20) for seed, onset in enumerate(ce)}
    return frame(chains | {(TCE, seed): falling(onset, 20) for seed, onset in enumerate(tce)})


def refused(tmp_path, content):
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as error:
        read(path)
    return str(error.value).removeprefix(f"{path}, ").removeprefix(f"{path}: ")


def test_a_chain_without_a_null_is_left_out_and_never_counts_as_censored():
    data = table()
    data.loc[(data["objective"] == "ce") & (data["seed"] == 0), "null"] = np.nan
    ce, tce = score(data).rows
    assert (ce.chains, ce.censored, ce.fidelity_interval.value) == (2, 0, pytest.approx(3.5))
    assert "left out for want of a null: seed 0" in ce.reason
    assert tce.extension_ratio.value == pytest.approx(2)
    assert "2 seeds that both have" in tce.reason


def test_an_objective_without_any_null_is_unscored_though_the_baseline_has_one():
    data = table()
    data.loc[data["objective"] == TCE, "null"] = np.nan
    row = score(data).rows[1]
    assert (row.fidelity_interval, row.chains) == (None, 0)
    assert row.reason == "unscored: no null for this metric here"


def test_a_null_that_stands_in_one_row_of_a_chain_holds_for_all_of_it():
    data = table()
    last_only = data.assign(null=data["null"].where(data["generation"] == 20))
    assert score(last_only) == score(data)


def test_a_direction_that_stands_in_one_row_of_a_chain_holds_for_all_of_it():
    accuracy = {(objective, seed): [0.9, 0.8, 0.6, 0.5] for objective in ("ce", TCE) for seed in range(3)}
    data = frame(accuracy, null=0.5, better="higher")
    assert score(data.assign(better=data["better"].where(data["generation"] == 3))) == score(data)


def test_nulls_that_differ_by_objective_are_refused_with_both_values():
    data = table()
    data.loc[data["objective"] == TCE, "null"] = 1.5
    with pytest.raises(UserError, match=rf"the null of w1 is 1 for ce and 1\.5 for {TCE}, seed 0.*--null w1=VALUE"):
        score(data)
    unpaired = data.assign(seed=data["seed"] + 10 * (data["objective"] == TCE))
    with pytest.raises(UserError, match=rf"is 1 for ce and 1\.5 for {TCE}: objectives"):
        score(unpaired)
    assert score(data, null=1).rows[1].extension_ratio.value == pytest.approx(2)
    with pytest.raises(UserError, match=r"^B: the null of w1"):
        compare(table(), data)


def test_nulls_may_differ_from_seed_to_seed_and_in_the_last_digits():
    data = table()
    by_seed = data.assign(null=1 + data["seed"] / 100)
    assert score(by_seed).rows[1].chains == 3
    rounded = data.assign(null=np.where(data["objective"] == TCE, 1 + 1e-12, 1.0))
    assert score(rounded).rows[1].extension_ratio.value == pytest.approx(2)


def test_columns_called_state_and_horizon_are_ignored_as_any_others(tmp_path):
    data = table()
    for state, horizon in (("complete", -3), ("incomplete", 2), ("diverged", 20), ("x", "y")):
        more = data.assign(state=state, horizon=horizon)
        assert score(more) == score(data)
        more.to_csv(tmp_path / "t.csv", index=False)
        assert score(tmp_path / "t.csv").rows[0].horizon == 20


def test_the_states_of_a_run_folder_still_count(tmp_path):
    run = write_run(tmp_path)
    write_chain(run, "ce", 0, falling(4, 6))
    write_chain(run, "ce", 1, falling(4, 6), horizon=20)
    (row,) = score(run).rows
    assert (row.chains, row.incomplete) == (1, 1)


def test_a_row_that_is_cut_short_is_refused_with_its_line(tmp_path):
    rows = "ce,0,0,w1,0.2\nce,0,1,w1,0.2\n"
    assert (
        refused(tmp_path, HEADER + rows + "ce,0,2,w1")
        == "line 4: the row is cut short: it has 4 fields, and the rows before it have 5"
    )
    assert refused(tmp_path, HEADER + rows + "ce,0,2\n").startswith("line 4: the row is cut short")
    assert refused(tmp_path, HEADER + "\n" + rows + '"ce').startswith("line 5: cannot be read as CSV: unexpected end")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + "ce,0,0,w1,0\0.2\n", "line 2, character 12: a NUL byte"),
        (HEADER + "ce,0,0,w1,1_0\n", "line 2: value must be a number, not '1_0'"),
        (HEADER + "ce,0,1_0,w1,1\n", "line 2: generation must be a number, not '1_0'"),
        (HEADER + "ce,0,1e300,w1,1\n", "line 2: generation must be a whole number from 0 to a billion"),
        (HEADER + f"ce,1,0,w1,1\nce,{2**63},0,w1,1\n", "line 3: seed must be below 2^63"),
        (HEADER + "ce,1e30,0,w1,1\n", "line 2: seed must be below 2^63"),
        (HEADER + "ce,1,0,w1,1\nce,,0,w1,1\n", "line 3: seed is empty, though other rows have one"),
        ("objective,generation,metric,value,value\nce,0,w1,1,2\n", "line 1: the column 'value' is there twice"),
        (HEADER.encode() + b"caf\xe9,0,0,w1,1\n", "cannot be read as CSV: it is not UTF-8 text"),
        (HEADER.encode("utf-16"), "cannot be read as CSV: it is not UTF-8 text"),
        (gzip.compress(HEADER.encode(), mtime=0)[:-9], "cannot be read: Compressed file ended"),
    ],
)
def test_what_would_be_misread_is_refused_with_line_and_column(tmp_path, content, message):
    assert refused(tmp_path, content).startswith(message)


def test_seeds_keep_all_their_digits(tmp_path):
    large = 2**53
    rows = "".join(f"ce,{seed},{generation},w1,1\n" for seed in (large, large + 1) for generation in (0, 1))
    (tmp_path / "t.csv").write_text(HEADER + rows + "ce,7.0,0,w1,1\n")
    assert [curve.seed for curve in read(tmp_path / "t.csv").curves] == [7, large, large + 1]


def test_doubled_columns_of_a_data_frame_are_refused():
    data = table()
    with pytest.raises(UserError, match="the column 'value' is there twice"):
        score(pd.concat([data, data["value"]], axis=1))


def test_a_comparison_says_which_chains_diverged_and_which_were_left_out():
    data = frame({("ce", seed): falling(4) for seed in range(3)})
    lost = data.copy()
    lost.loc[(lost["seed"] == 1) & (lost["generation"] == 5), "value"] = np.nan
    assert "1 of 3 chains of B diverged (NaN or infinite)" in compare(data, lost).rows[0].reason
    assert "1 of 3 chains of A diverged" in compare(lost, data).rows[0].reason
    without = data.assign(null=data["null"].where(data["seed"] != 2))
    assert "A: left out for want of a null: seed 2" in compare(without, data).rows[0].reason


def test_one_bad_seed_of_the_baseline_does_not_hide_what_the_others_show():
    chains = {("ce", seed): distance(1, 0.9, 0.5) for seed in range(3)} | {
        (TCE, seed): distance(1, 0.9, 0.8) for seed in range(3)
    }
    data = frame(chains)
    data.loc[data["seed"] == 1, "null"] = np.nan
    assert [row.chains for row in score(data).rows] == [2, 2]
