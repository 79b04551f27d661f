"""`fortifai run` and `status`, and how a command ends."""

import shlex
import subprocess
import sys

import pytest
from cli_support import Answer, python
from trajectory_support import falling, write_chain, write_run

import fortifai
from fortifai.errors import RunFailed


def test_a_run_can_be_looked_at_scored_and_taken_further(call, small, tmp_path):
    run = tmp_path / "runs" / "small@3"
    words = (small, "--out", run.parent, "--seeds", 1, "--generations", 1, "--strategy", "replace", "--strategy", "control")
    ran = call("run", *words)
    assert (ran.code, ran.out) == (0, f"{run}: 4 chains done; next: fortifai score {run}\n")
    status = call("status", run, "--json").json
    assert list(status) == ["schema", "suite", "held_by", "chains"]
    assert (status["suite"], status["held_by"]) == ("small@3", None)
    assert {(c["state"], c["finished"]) for c in status["chains"]} == {("done", 2)}
    assert "small@3: 4 of 4 chains done; no process is at it" in call("status", run).out
    scored = call("score", run, "--json").json
    assert scored["schema"] == 2
    assert sorted((row["strategy"], row["objective"]) for row in scored["rows"]) == [
        (strategy, objective) for strategy in ("control", "replace") for objective in ("ce", "tce:gamma=0.9,unit=component")
    ]
    done = call("plan", *words, "--json").json
    assert {c["state"] for c in done["chains"]} == {"done"}
    assert (done["estimate"]["seconds"], done["estimate"]["disk_bytes"]) == (0, 0)
    further = call("plan", *words, "--generations", 2, "--json").json
    assert {(c["state"], c["finished"], c["horizon"]) for c in further["chains"]} == {("partial", 2, 2)}
    assert further["estimate"]["seconds"] > 0


def test_a_run_can_be_limited_and_says_how_to_run_the_rest(call, small, tmp_path):
    run = tmp_path / "a run" / "small@3"
    words = ("run", small, "--out", run.parent, "--generations", 1, "--seeds", 1, "--executor", "in-process")
    ran = call(*words[:2], "--limit", 2, *words[2:])
    rest = shlex.join(map(str, ("fortifai", *words)))
    assert (ran.code, ran.out) == (0, f"{run}: 2 chains done, 4 left; the rest: {rest}\n")
    chains = call("status", run, "--json").json["chains"]
    assert sorted(chain["state"] for chain in chains) == ["done"] * 2 + ["pending"] * 4
    assert call("status", run.parent).out == f"{run}: 2 of 6 chains done, 4 pending; no process is at it\n"
    further = call(*words, "--limit=3")
    assert (further.code, further.out) == (0, f"{run}: 5 chains done, 1 left; the rest: {rest}\n")
    last = call(*shlex.split(rest)[1:])
    assert (last.code, last.out) == (0, f"{run}: 6 chains done; next: fortifai score {run}\n")
    unlimited = tmp_path / "b" / "small@3"
    assert call(*words[:3], unlimited.parent, *words[4:]).code == 0
    at_once, in_parts = (call("score", folder, "--json").json for folder in (unlimited, run))
    assert in_parts == at_once
    refused = call(*words, "--limit", 0)
    assert (refused.code, refused.out, refused.err) == (2, "", "fortifai: --limit 0: must be at least 1\n")


def test_a_folder_of_runs_has_a_line_for_each(call, tmp_path):
    for name, onset in (("first", 2), ("second", 3)):
        write_chain(write_run(tmp_path / "runs", name), "ce", 0, falling(onset))
    broken = write_run(tmp_path / "runs", "third") / "suite.json"
    broken.write_text(broken.read_text() + "x")
    lines = call("status", tmp_path / "runs").out.splitlines()
    assert lines[:2] == [f"{tmp_path / 'runs' / name}@1: 1 of 1 chain done; no process is at it" for name in ("first", "second")]
    assert lines[2].startswith(f"{broken}: cannot be read as JSON")
    listed = call("status", tmp_path / "runs", "--json").json
    assert list(listed) == ["schema", "runs"]
    assert [(run["folder"], run["suite"], len(run["chains"])) for run in listed["runs"]] == [
        ("first@1", "first@1", 1),
        ("second@1", "second@1", 1),
        ("third@1", None, 0),
    ]
    assert [run["reason"] is None for run in listed["runs"]] == [True, True, False]


@pytest.mark.parametrize("words", [(), ("score",), ("run",), ("leaderboard", "build")])
def test_h_is_help(call, words):
    short, long = call(*words, "-h"), call(*words, "--help")
    assert (short.code, short.out) == (0, long.out)
    assert "Usage: fortifai" in short.out


def test_the_version_is_said(call):
    assert call("--version") == Answer(0, f"fortifai {fortifai.__version__}\n", "")


def test_a_shell_completes_commands_and_options(call, monkeypatch):
    monkeypatch.setenv("_FORTIFAI_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_CWORD", "1")
    monkeypatch.setenv("COMP_WORDS", "fortifai sc")
    assert call().out.split() == ["score"]
    monkeypatch.setenv("COMP_CWORD", "2")
    monkeypatch.setenv("COMP_WORDS", "fortifai score --la")
    assert call().out.split() == ["--latex"]


def test_help_shows_every_command(call):
    answer = call("--help")
    assert answer.code == 0
    commands = ("list", "describe", "plan", "run", "status", "score", "compare", "report", "calibrate", "leaderboard")
    assert all(f" {name} " in answer.out for name in commands)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RunFailed("2 of 6 chains did not finish"), "2 of 6 chains did not finish"),
        (KeyboardInterrupt(), "stopped; what is done is kept, and the same command resumes it"),
    ],
)
def test_a_run_that_failed_or_was_stopped_ends_with_code_1(call, small, monkeypatch, error, message):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("fortifai.runner.run.run", fail)
    assert call("run", small) == Answer(1, "", f"fortifai: {message}\n")


def test_a_process_ends_with_the_code_and_one_line():
    done = python("from fortifai.cli import main; main()", "describe", "qiuck")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "fortifai: unknown suite 'qiuck'; did you mean 'quick'? (`fortifai list suites` shows them all)\n"


def test_a_reader_that_has_seen_enough_gets_no_traceback():
    script = "from fortifai.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-P", "-c", script, "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 1
