"""Chains in parallel processes: the numbers do not depend on how many, and one that fails does not take others with it."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from runner_support import numbers, records, write_suite
from safetensors import SafetensorError

import fortifai
from fortifai.errors import RunFailed, UserError
from fortifai.files import is_disk_full
from fortifai.records.status import read_status
from fortifai.runner import lock

RUN = [sys.executable, "-P", "-c", "from fortifai.cli import main; main()", "run"]


def test_the_numbers_do_not_depend_on_the_number_of_workers(tmp_path: Path, suite: Path, undisturbed: Path) -> None:
    run = fortifai.run(suite, tmp_path, workers=3, quiet=True).path
    assert numbers(run) == numbers(undisturbed)


def test_a_run_needs_no_main_guard(tmp_path: Path, suite: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"import fortifai\nresult = fortifai.run({str(suite)!r}, {str(tmp_path)!r}, seeds=1, generations=1, workers=2)\n"
        "print(result.chains, len(fortifai.score(result.path).rows))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout == "6 6\n", done.stderr


def test_the_second_process_is_told_who_holds_the_folder(tmp_path: Path, suite: Path, undisturbed: Path) -> None:
    before = numbers(undisturbed)
    with lock.hold(undisturbed):
        assert lock.holder(undisturbed)
        with pytest.raises(UserError, match=f"in use by process {os.getpid()} on .*, since 20"):
            fortifai.run(suite, undisturbed.parent, generations=9, quiet=True)
    assert lock.holder(undisturbed) is None
    assert numbers(undisturbed) == before


FAULTS = {
    "focal:gamma=1": "RuntimeError: the model fell over",
    "focal:gamma=2": "out of memory: tried to allocate everything",
    "focal:gamma=3": "its worker process was ended by signal SIGKILL; out of memory?",
}


def run_faulty(out: Path, environment: dict[str, str], objectives: list[str], seeds: int = 1) -> subprocess.CompletedProcess[str]:
    suite = write_suite(out, "faulty", ("ce", *objectives), ("replace", "control"))
    options = ["--strategy", "replace", "--workers", "2", "--seeds", str(seeds)]
    command = [*RUN, str(suite), "--out", str(out), *options]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory, plugin: Path) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A run in which a chain falls over, one is out of memory, one's worker is killed, and two diverge."""
    out = tmp_path_factory.mktemp("faulty")
    environment = {**os.environ, "PYTHONPATH": str(plugin), "FAULTY": "1"}
    return out / "tiny@1", run_faulty(out, environment, [*FAULTS, "focal:gamma=4", "focal:gamma=5"])


def test_chains_that_diverge_are_recorded_with_the_reason(faulty: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    run, done = faulty
    for objective, reason in (("focal:gamma=4", "the loss is nan"), ("focal:gamma=5", "the samples are not finite")):
        chain = records(run, objective)
        assert [record["status"] for record in chain] == ["ok", "ok", "diverged"]
        assert chain[-1]["reason"] == reason
        assert f"small replace {objective} seed 0 diverged at generation 2: {reason}" in done.stderr
        row = next(row for row in fortifai.score(run).rows if row.objective == objective)
        assert (row.chains, row.censored, row.incomplete) == (1, 0, 0)
        assert row.fidelity_interval is not None
        assert 0 <= row.fidelity_interval.value <= 1


def test_a_crash_is_no_collapse_and_the_others_go_on(
    faulty: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path, environment: dict[str, str]
) -> None:
    run, done = faulty
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "3 of 6 chains did not finish" in done.stderr
    assert len(records(run, "ce")) == 5
    status = {chain["objective"]: chain for chain in read_status(run)}
    rows = {row.objective: row for row in fortifai.score(run).rows}
    for objective, reason in FAULTS.items():
        assert reason in done.stderr
        assert len(records(run, objective)) == 2
        assert (rows[objective].chains, rows[objective].incomplete) == (0, 1)
        assert (status[objective]["state"], status[objective]["reason"]) == ("failed", reason)
    # With the fault mended, the same command goes on.
    shutil.copytree(run, tmp_path / "tiny@1")
    again = run_faulty(tmp_path, environment, [*FAULTS])
    assert again.returncode == 0, again.stderr
    assert all(len(records(tmp_path / "tiny@1", objective)) == 5 for objective in FAULTS)
    assert not [chain for chain in read_status(tmp_path / "tiny@1") if chain["state"] == "failed"]


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, environment: dict[str, str]) -> None:
    done = run_faulty(tmp_path, {**environment, "FAULTY": "1"}, ["focal:gamma=6"])
    assert done.returncode == 1
    assert "is full: nothing is half written" in done.stderr
    assert "Traceback" not in done.stderr
    chain = next(c for c in read_status(tmp_path / "tiny@1") if c["objective"] == "focal:gamma=6")
    kept = {path.name for path in (tmp_path / "tiny@1" / chain["id"]).iterdir()}
    assert kept == {"chain.json", "generations.jsonl", "generation-01", "examples"}
    assert (chain["state"], chain["finished"]) == ("partial", 2)
    assert run_faulty(tmp_path, environment, ["focal:gamma=6"]).returncode == 0
    assert len(records(tmp_path / "tiny@1", "focal:gamma=6")) == 5


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), SafetensorError("I/O error: No space left on device")])
def test_a_full_disk_is_known_by_its_errors(error: Exception) -> None:
    assert is_disk_full(error)
    assert not is_disk_full(OSError(errno.EACCES, "denied"))


def test_a_disk_that_is_full_from_the_start_is_said(tmp_path: Path, suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("fortifai.runner.run_folder.write_text", full)
    with pytest.raises(RunFailed, match="is full: nothing is half written; free some space"):
        fortifai.run(suite, tmp_path, quiet=True)


def test_chains_are_seen_before_they_are_run(tmp_path: Path, suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fortifai.runner.run._run_chains", lambda *_: [])
    run = fortifai.run(suite, tmp_path, quiet=True).path
    assert [chain["state"] for chain in read_status(run)] == ["pending"] * 12
    assert {row.incomplete for row in fortifai.score(run).rows} == {2}


def test_another_suite_of_the_same_name_is_refused(tmp_path: Path, undisturbed: Path) -> None:
    other = write_suite(tmp_path)
    other.write_text(other.read_text().replace("n = 40", "n = 41"))
    with pytest.raises(UserError, match=r"holds another suite .* differs in small\.n; raise the suite's version"):
        fortifai.run(other, undisturbed.parent, quiet=True)


def test_a_null_is_measured_once_and_recorded(undisturbed: Path) -> None:
    null = json.loads((undisturbed / "nulls" / "small.json").read_text())
    assert len(null["values"]) == 64
    assert null["value"] == pytest.approx(sorted(null["values"])[31:33][0] / 2 + sorted(null["values"])[31:33][1] / 2)
    assert {json.loads(file.read_text())["null"] for file in undisturbed.glob("*/chain.json")} == {null["value"]}
