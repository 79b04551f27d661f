"""`fortifai compare`: a table with its notes below, or one JSON document."""

import pytest
from trajectory_support import falling, frame

A = frame({("ce", seed): falling(2 + seed) for seed in range(4)})
B = frame({("ce", seed): falling(onset) for seed, onset in enumerate((5, 5.5, 7, 9))})


@pytest.fixture
def files(tmp_path):
    """A and B as CSV files."""
    for name, table in (("a", A), ("b", B)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path / "a.csv", tmp_path / "b.csv"


def test_two_files_are_compared_in_a_table(call, files):
    answer = call("compare", *files)
    assert (answer.code, answer.err) == (0, "")
    assert "b.csv against a.csv" in answer.out
    assert "B / A" in answer.out


@pytest.mark.parametrize("options", [(), ("--null", "w1=2"), ("--objective", "ce"), ("--rule", "w1>0.4")])
def test_as_json_there_is_one_document_and_nothing_else(call, files, options):
    answer = call("compare", *files, *options, "--json")
    assert (answer.code, answer.json["schema"], len(answer.json["rows"])) == (0, 2, 1)


def test_a_null_that_is_not_a_number_is_refused(call, files):
    answer = call("compare", *files, "--null", "x")
    assert (answer.code, answer.out) == (2, "")
    assert "--null x: should be a number" in answer.err


def test_notes_stand_below_the_table(call, files):
    A.assign(value=A["value"] - 0.05).to_csv(files[1], index=False)
    *table, note = call("compare", *files).out.splitlines()
    assert note.startswith("1  ")
    assert "generation 0 differs for 4 seeds" in note
    assert not any("generation 0 differs" in line for line in table)
