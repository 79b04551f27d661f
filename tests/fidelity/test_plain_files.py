"""A plain file is read at once and any other record by record: both mean the same."""

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trajectory_support import as_rows, falling, frame

from fortifai.errors import UserError
from fortifai.fidelity import score
from fortifai.fidelity.trajectories import files
from fortifai.fidelity.trajectories.reading import read

LONG = frame({(o, s): falling(t + s / 3) for o, t in (("ce", 2), ("tce:gamma=0.9", 5)) for s in range(3)})


def both_ways(path, what, monkeypatch_context):
    """Return what a function makes of a file read at once and record by record; of an error its text."""
    answers = []
    for at_once in (True, False):
        with monkeypatch_context() as patch:
            patch.setattr(files, "AT_ONCE", 0 if at_once else math.inf)
            try:
                answers.append(what(path))
            except UserError as error:
                answers.append(str(error))
    return answers


def was_read_at_once(path):
    return files._plain(path.read_bytes(), str(path), "\t" if path.suffix == ".tsv" else ",") is not None


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_a_plain_file_is_read_at_once_and_scores_as_the_table(tmp_path, name):
    path = tmp_path / name
    LONG.to_csv(path, index=False, sep="\t" if name == "t.tsv" else ",")
    assert was_read_at_once(path)
    assert score(path) == score(LONG)


CELLS = st.sampled_from(
    [
        "0",
        "1",
        "1.0",
        "2",
        "1.5",
        "1.50",
        "-0.25",
        "1e-3",
        "1e400",
        ".5",
        "nan",
        "inf",
        "",
        "1_0",
        " 1",
        "x",
        "ü",
        "0x1",
        "\ufeff",
    ]
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-100, 100, places=25)
ROWS = st.lists(st.tuples(st.sampled_from(["ce", "tce", "", " ce"]), CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=6)
ENDS = st.sampled_from(["\n", "\n\n", "", "\r\n", " \n", "\n,\n", '\n"a"\n', "\n\0\n"])


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, end=ENDS, index=st.booleans())
def test_whatever_a_file_holds_is_read_or_refused_alike(tmp_path_factory, rows, end, index):
    path = tmp_path_factory.mktemp("any") / "t.csv"
    header = ("," if index else "") + "objective,seed,generation,value,null,metric"
    lines = [(f"{number}," if index else "") + ",".join([*row, "w1"]) for number, row in enumerate(rows)]
    path.write_bytes(("\n".join([header, *lines]) + end).encode())
    at_once, by_record = both_ways(path, read, pytest.MonkeyPatch.context)
    if isinstance(by_record, str):
        assert at_once == by_record
    else:
        pd.testing.assert_frame_equal(as_rows(at_once), as_rows(by_record))
        assert at_once.remarks == by_record.remarks


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-100, 100, places=25), min_size=1, max_size=30)
)
def test_numbers_are_the_nearest_to_what_is_written(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("numbers") / "t.csv"
    lines = [f"ce,{generation},w1,{value}" for generation, value in enumerate(values)]
    path.write_text("\n".join(["objective,generation,metric,value", *lines]) + "\n")
    assert was_read_at_once(path)
    nearest = [float(str(value)) for value in values]
    for (curve,) in (each.curves for each in both_ways(path, read, pytest.MonkeyPatch.context)):
        assert curve.value.tolist() == nearest


def test_a_large_file_is_read_at_once(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    LONG.to_csv(path, index=False)
    read_at_once = []
    monkeypatch.setattr(files, "_plain", lambda *args: read_at_once.append(args))
    score(path)
    assert not read_at_once
    monkeypatch.setattr(files, "AT_ONCE", path.stat().st_size)
    score(path)
    assert read_at_once


def test_lines_are_named_as_they_stand_in_the_file(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("objective,generation,metric,value\nce,0,w1,1\nce,1,w1,2\nce,x,w1,3\n")
    assert was_read_at_once(path)
    with pytest.raises(UserError, match=r"line 4: generation must be a number, not 'x'"):
        read(path)
