"""Chains in parallel processes: the numbers do not depend on how many, and one that fails does not take others with it."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from runner_support import command_line, failing, numbers, records, run_faulty, write_suite
from safetensors import SafetensorError

import fortifai
from fortifai.errors import RunFailed
from fortifai.files import is_disk_full
from fortifai.records.status import read_status

FAULTS = {
    failing(1): "RuntimeError: the model fell over",
    failing(2): "out of memory: tried to allocate everything",
    failing(3): "its worker process was ended by signal SIGKILL; out of memory?",
}

Ended = subprocess.CompletedProcess[str]


def test_the_numbers_do_not_depend_on_the_number_of_workers(tmp_path: Path, suite: Path, undisturbed: Path) -> None:
    run = fortifai.run(suite, tmp_path, workers=2, quiet=True).path
    assert numbers(run) == numbers(undisturbed)


def test_a_script_needs_no_main_guard_and_no_assertions(tmp_path: Path, undisturbed: Path) -> None:
    """Python drops assertions under -O, which is passed on to workers by the environment."""
    suite = write_suite(tmp_path, strategies=("replace", "control"))
    script = tmp_path / "script.py"
    script.write_text(
        "import fortifai; print(__debug__)\n"
        f"result = fortifai.run({str(suite)!r}, {str(tmp_path)!r}, seeds=1, strategies=['replace'], quiet=True)\n"
        "print(result.chains, len(fortifai.score(result.path).rows))\n"
    )
    environment = {**os.environ, "PYTHONOPTIMIZE": "1"}
    command = [sys.executable, "-O", str(script)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert (ended.returncode, ended.stdout) == (0, "False\n2 2\n"), ended.stderr
    optimised = numbers(tmp_path / "tiny@1")
    # Of two chains the records, and samples and model of the last generation; samples and model of two generations 0.
    assert len(optimised) == 2 * (1 + 2) + 2 * 2
    assert optimised.items() <= numbers(undisturbed).items()


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory, plugin: Path) -> tuple[Path, Ended]:
    """A run in which a chain falls over, one is out of memory, one's worker is killed, and two diverge."""
    out = tmp_path_factory.mktemp("faulty")
    suite = write_suite(
        out,
        "faulty",
        ("ce", *FAULTS, failing(4), failing(5)),
        ("replace", "control"),
    )
    words = ("run", suite, "--out", out, "--strategy", "replace", "--workers", 2, "--seeds", 1)
    environment = {**os.environ, "PYTHONPATH": str(plugin), "FAULTY": "1"}
    return out / "tiny@1", command_line(*words, environment=environment)


def test_chains_that_diverge_are_recorded_with_the_reason(faulty: tuple[Path, Ended]) -> None:
    run, ended = faulty
    for objective, reason in (
        (failing(4), "the loss is nan"),
        (failing(5), "the samples are not finite"),
    ):
        chain = records(run, objective)
        assert [record["status"] for record in chain] == ["ok", "ok", "diverged"]
        assert chain[-1]["reason"] == reason
        assert f"small replace {objective} seed 0 diverged at generation 2: {reason}" in ended.stderr
        row = next(row for row in fortifai.score(run).rows if row.objective == objective)
        assert (row.chains, row.censored, row.incomplete) == (1, 0, 0)
        assert row.fidelity_interval is not None
        assert 0 <= row.fidelity_interval.value <= 1


@pytest.mark.usefixtures("plugged")
def test_a_crash_is_not_a_collapse_and_the_others_go_on(faulty: tuple[Path, Ended], tmp_path: Path) -> None:
    run, ended = faulty
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "3 of 6 chains did not finish" in ended.stderr
    assert len(records(run, "ce")) == 5
    status = {chain["objective"]: chain for chain in read_status(run)}
    rows = {row.objective: row for row in fortifai.score(run).rows}
    for objective, reason in FAULTS.items():
        assert reason in ended.stderr
        assert len(records(run, objective)) == 2
        assert (rows[objective].chains, rows[objective].incomplete) == (0, 1)
        assert (status[objective]["state"], status[objective]["reason"]) == ("failed", reason)
    # With the fault mended, the same command resumes it.
    again = shutil.copytree(run, tmp_path / "tiny@1")
    run_faulty(tmp_path, *FAULTS)
    assert all(len(records(again, objective)) == 5 for objective in FAULTS)
    assert not [chain for chain in read_status(again) if chain["state"] == "failed"]


@pytest.mark.usefixtures("plugged")
def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objective, run = failing(6), tmp_path / "tiny@1"
    monkeypatch.setenv("FAULTY", "1")
    with pytest.raises(RunFailed, match="is full: nothing is half written"):
        run_faulty(tmp_path, objective)
    chain = next(chain for chain in read_status(run) if chain["objective"] == objective)
    kept = {path.name for path in (run / chain["id"]).iterdir()}
    assert kept == {"chain.json", "generations.jsonl", "generation-01", "examples"}
    assert (chain["state"], chain["finished"]) == ("partial", 2)
    monkeypatch.delenv("FAULTY")
    run_faulty(tmp_path, objective)
    assert len(records(run, objective)) == 5


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), SafetensorError("I/O error: No space left on device")])
def test_a_full_disk_is_known_by_its_errors(error: Exception) -> None:
    assert is_disk_full(error)
    assert not is_disk_full(OSError(errno.EACCES, "denied"))


def test_a_disk_that_is_full_from_the_start_is_reported(tmp_path: Path, suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("fortifai.records.schema.write_text", full)
    with pytest.raises(RunFailed, match="is full: nothing is half written; free some space"):
        fortifai.run(suite, tmp_path, quiet=True)


@pytest.mark.usefixtures("plugged")
@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_process_makes_an_adapter_once_for_all_regimes_that_share_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], command: str
) -> None:
    suite = write_suite(tmp_path, "faulty", ("ce", "tce"), ("replace", "control"))
    suite.write_text(suite.read_text() + "[regimes.larger]\nn = 50\n")
    loads = tmp_path / "loads"
    words = (command, suite, "--out", tmp_path, "--seeds", 1, "--generations", 1)
    assert (
        command_line(
            *words, environment={**environment, "LOADS": str(loads), "FORTIFAI_CACHE": str(tmp_path / "cache")}
        ).returncode
        == 0
    )
    processes = loads.read_text().split()
    assert len(processes) == len(set(processes)) == {"plan": 1, "run": 2}[command]  # a run has a worker beside itself
