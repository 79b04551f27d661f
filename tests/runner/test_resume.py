"""Stopped anywhere and started again, a run has the numbers of one that nothing happened to, bit for bit."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from runner_support import FORTIFAI, command_line, numbers, write_suite

import fortifai


def count_records(run: Path) -> int:
    return sum(file.read_text().count("\n") for file in run.glob("*/generations.jsonl"))


def kill_after(run: Path, command: list[str], records: int) -> None:
    """Start a run, and kill it without notice once so many generations are recorded."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while count_records(run) < records and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    assert process.poll() is None, "it ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_run_killed_twice_resumes_to_the_same_numbers(tmp_path: Path, suite: Path, undisturbed: Path) -> None:
    run = tmp_path / "tiny@1"
    command = [*FORTIFAI, "run", str(suite), "--out", str(tmp_path), "--workers", "2"]
    kill_after(run, command, 7)
    interrupted = count_records(run)
    kill_after(run, command, interrupted + 11)
    assert count_records(run) < count_records(undisturbed)
    fortifai.run(suite, tmp_path, quiet=True, executor="in-process")
    resumed, expected = numbers(run), numbers(undisturbed)
    assert {path: resumed[path] for path in expected} == expected
    # A kill between the last record and the clearing up behind it leaves a generation more than --keep asks for.
    assert all(path.endswith(".safetensors") for path in resumed.keys() - expected.keys())


def test_a_longer_horizon_extends_a_run_whatever_was_kept(tmp_path: Path, suite: Path, undisturbed: Path) -> None:
    for keep in ("last", "none"):
        out = tmp_path / keep
        fortifai.run(suite, out, generations=2, keep=keep, strategies=["accumulate"], executor="in-process", quiet=True)
        run = fortifai.run(suite, out, keep="last", strategies=["accumulate"], executor="in-process", quiet=True).path
        extended = numbers(run)
        assert extended
        assert extended == {path: content for path, content in numbers(undisturbed).items() if path in extended}


def test_a_shorter_horizon_changes_nothing(tmp_path: Path, suite: Path, undisturbed: Path) -> None:
    run = shutil.copytree(undisturbed, tmp_path / "tiny@1")
    before = numbers(run)
    fortifai.run(suite, tmp_path, generations=2, quiet=True, executor="in-process")
    assert numbers(run) == before
    assert {json.loads(file.read_text())["horizon"] for file in run.glob("*/chain.json")} == {4}


def test_what_a_crash_leaves_half_written_is_cleared(tmp_path: Path, suite: Path, undisturbed: Path) -> None:
    run = shutil.copytree(undisturbed, tmp_path / "tiny@1")
    chain = next(file.parent for file in run.glob("*/chain.json") if json.loads(file.read_text())["strategy"] == "replace")
    lines = (chain / "generations.jsonl").read_bytes().splitlines(keepends=True)
    # As after a kill in generation 4: its data is in place under its own name, a later try under a temporary one, half a line.
    (chain / "generations.jsonl").write_bytes(b"".join(lines[:4]) + lines[4][:40])
    (chain / ".generation-04.k1ll3d.tmp").mkdir()
    (chain / ".generation-04.k1ll3d.tmp" / "samples.safetensors").write_bytes(b"torn")
    state = chain / "generation-03"
    donor = fortifai.run(suite, tmp_path / "donor", generations=3, strategies=["replace"], executor="in-process", quiet=True).path
    shutil.copytree(donor / chain.name / "generation-03", state)
    fortifai.run(suite, tmp_path, executor="in-process", quiet=True)
    assert numbers(run) == numbers(undisturbed)
    assert not list(run.rglob("*.tmp"))


def test_running_again_does_nothing(tmp_path: Path, suite: Path, undisturbed: Path) -> None:
    run = shutil.copytree(undisturbed, tmp_path / "tiny@1")
    before = {path: path.read_bytes() for path in run.glob("*/generations.jsonl")}
    fortifai.run(suite, tmp_path, quiet=True, executor="in-process")
    assert {path: path.read_bytes() for path in run.glob("*/generations.jsonl")} == before


@pytest.mark.parametrize(("keep", "samples", "models"), [("all", 5, 5), ("samples", 5, 1), ("none", 0, 0)])
def test_keep_says_what_stays(tmp_path: Path, keep: str, samples: int, models: int) -> None:
    suite = write_suite(tmp_path, objectives=("ce",))
    run = fortifai.run(suite, tmp_path, seeds=1, strategies=["replace"], keep=keep, executor="in-process", quiet=True).path
    assert len(list(run.glob("*/generation-??/samples.safetensors"))) == samples
    assert len(list(run.glob("*/generation-??/model/mixture.safetensors"))) == models


def test_the_plan_knows_what_is_done(undisturbed: Path, suite: Path) -> None:
    ended = command_line("plan", suite, "--out", undisturbed.parent, "--json", "--generations", 9)
    planned = json.loads(ended.stdout)
    assert {chain["state"] for chain in planned["chains"]} == {"partial"}
    assert planned["estimate"]["seconds"] > 0
