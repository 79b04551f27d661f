"""`fortifai report`: what it prints, and what it refuses."""

import pytest
from trajectory_support import distance, falling, write_chain, write_run


@pytest.fixture
def run(tmp_path):
    run = write_run(tmp_path / "runs")
    for seed in range(3):
        write_chain(run, "ce", seed, falling(2 + seed / 10))
    return run


def test_it_says_what_it_wrote(call, run, tmp_path):
    answer = call("report", run, "--out", tmp_path / "r")
    assert (answer.code, answer.out, answer.err) == (
        0,
        f"{tmp_path / 'r' / 'index.html'}, {tmp_path / 'r' / 'README.md'} (6 pictures)\n",
        "",
    )


def test_what_has_no_report_is_refused_in_one_line(call, run, tmp_path):
    (csv := tmp_path / "t.csv").write_text("objective,generation,metric,value\nce,0,w1,0.2\n")
    (empty := tmp_path / "empty").mkdir()
    unfinished = write_run(tmp_path / "other")
    write_chain(unfinished, "ce", 0, distance(1, 0.9), horizon=10)
    for path, message in (
        (csv, f"{csv}: a file, and a report is of a run folder; `fortifai score {csv} --plot DIR`"),
        (tmp_path / "nowhere", "not a run folder: expected a suite.json in it"),
        (empty, "not a run folder"),
        (run.parent, f"did you mean {run}?"),
        (unfinished, f"{unfinished}: no finished chain in it yet"),
    ):
        answer = call("report", path, "--out", tmp_path / "r")
        assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
        assert message in answer.err
    assert not (tmp_path / "r").exists()


def test_a_folder_that_cannot_be_written_is_refused_in_one_line(call, run, tmp_path):
    (taken := tmp_path / "taken").write_text("")
    answer = call("report", run, "--out", taken)
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert f"{taken}" in answer.err
