"""A picture that its process did not live to draw: drawn later, or given up, and never at the cost of a chain."""

import json
import shutil
from pathlib import Path

import pytest
from runner_support import numbers, plugged_in, run_faulty

from fortifai.errors import RunFailed
from fortifai.records.status import read_status
from fortifai.records.verification import verify_run

pytestmark = pytest.mark.usefixtures("plugged")

LAST = "generation-04"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, plugin: Path) -> Path:
    """A run of one chain that nothing happened to."""
    with plugged_in(plugin):
        return run_faulty(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """A copy of that run."""
    return shutil.copytree(whole, tmp_path / whole.name)


def examples(run: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in sorted(run.glob("*/examples/*"))}


def test_a_chain_that_was_killed_between_its_last_record_and_its_picture_is_drawn_by_the_next_run(
    run: Path, whole: Path, tmp_path: Path
) -> None:
    (picture,) = run.glob(f"*/examples/{LAST}.txt")
    picture.unlink()
    run_faulty(tmp_path)
    assert examples(run) == examples(whole)
    assert numbers(run) == numbers(whole)


def test_where_its_samples_are_no_longer_kept_that_is_noted_and_nothing_is_tried(run: Path, tmp_path: Path) -> None:
    (picture,) = run.glob(f"*/examples/{LAST}.txt")
    picture.unlink()
    shutil.rmtree(picture.parent.parent / LAST)
    run_faulty(tmp_path, executor="local")
    note = json.loads((picture.parent.parent / "pictures.json").read_text())
    assert note["missing"] == {LAST: "its process ended before it was drawn, and its samples are no longer kept"}
    run_faulty(tmp_path, executor="local")
    assert not (run / "workers.log").exists(), "no worker was started for it"


def test_a_picture_that_ends_its_process_does_not_fail_the_chain_that_is_complete(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DEADLY", LAST)
    run = tmp_path / "tiny@1"
    told = []
    for _ in range(4):
        run_faulty(tmp_path, executor="local")  # and not RunFailed
        told.append(capsys.readouterr().err)
        assert {chain["state"] for chain in read_status(run)} == {"done"}
    died = "every generation is recorded, but then: its worker process was ended by signal SIGKILL"
    given_up = "no more examples are drawn: two processes ended while they drew some"
    assert [(died in text, given_up in text) for text in told] == [(True, False), (True, False), (False, True), (False, False)]
    assert numbers(run) == numbers(whole)
    assert verify_run(run).is_whole
    assert [name for name in examples(whole) if name not in examples(run)] == [f"{LAST}.txt"]


def test_a_picture_that_ends_its_process_in_the_middle_of_a_chain_is_given_up_after_two(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEADLY", "generation-01")
    run = tmp_path / "tiny@1"
    for _ in range(2):
        with pytest.raises(RunFailed, match="was ended by signal SIGKILL"):
            run_faulty(tmp_path, executor="local")
    run_faulty(tmp_path, executor="local")
    assert numbers(run) == numbers(whole)
    assert list(examples(run)) == ["generation-00.txt", "real.txt"]


def test_one_interruption_after_another_that_was_mended_is_the_first_again(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "tiny@1"
    for name in ("generation-01", "generation-02", "generation-03"):
        monkeypatch.setenv("DEADLY", name)
        with pytest.raises(RunFailed):
            run_faulty(tmp_path, executor="local")
    monkeypatch.delenv("DEADLY")
    run_faulty(tmp_path)
    assert examples(run) == examples(whole)


def test_a_picture_that_could_not_be_drawn_is_not_tried_again(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(whole, tmp_path / whole.name)
    (picture,) = run.glob(f"*/examples/{LAST}.txt")
    picture.unlink()
    monkeypatch.setattr("faulty_adapter.Faulty.examples", lambda *_: 1 / 0)
    run_faulty(tmp_path)
    assert f"the examples of {LAST} were not drawn: ZeroDivisionError" in capsys.readouterr().err
    run_faulty(tmp_path)
    assert LAST not in capsys.readouterr().err
