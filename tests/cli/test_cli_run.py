"""`fortifai run` and `status`, and how a command ends."""

import subprocess
import sys

import pytest
from cli_support import Answer, python

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
