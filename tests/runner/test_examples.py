"""Pictures of generations: drawn once a generation is recorded, whatever is kept of it, and never at its cost."""

import shutil
from pathlib import Path

import pytest
import torch
from runner_support import failing, numbers, plugged_in, records, run_faulty

from fortifai.contract.samples import Samples
from fortifai.errors import RunFailed
from fortifai.records.status import read_status

NAMES = ["generation-00.txt", "generation-01.txt", "generation-02.txt", "generation-03.txt", "generation-04.txt", "real.txt"]
OBJECTIVES = (failing(7), failing(8))

pytestmark = pytest.mark.usefixtures("plugged")


def examples(run: Path, objective: str) -> dict[str, str]:
    chain = next(chain["id"] for chain in read_status(run) if chain["objective"] == objective)
    return {file.name: file.read_text() for file in sorted((run / chain / "examples").iterdir())}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, plugin: Path) -> Path:
    """A run that nothing happened to and of which everything is kept."""
    with plugged_in(plugin):
        return run_faulty(tmp_path_factory.mktemp("whole"), *OBJECTIVES, keep="all")


def test_every_generation_shows_the_samples_that_it_made(whole: Path) -> None:
    shown = examples(whole, "ce")
    assert list(shown) == NAMES
    assert len(set(shown.values())) == len(NAMES)
    chain = next(chain["id"] for chain in read_status(whole) if chain["objective"] == "ce")
    for generation, name in enumerate(NAMES[:-1]):
        made = Samples.load(whole / chain / f"generation-{generation:02d}" / "samples.safetensors")
        assert torch.equal(torch.tensor([float(x) for x in shown[name].split()], dtype=made["x"].dtype), made["x"][0])


@pytest.mark.parametrize(
    ("fault", "executor", "reason"),
    [
        ("broken", "local", "RuntimeError: out of ink"),
        ("full", "in-process", "OSError: [Errno 28] No space left on device"),
    ],
)
def test_pictures_that_cannot_be_drawn_cost_no_number_and_are_told(
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: str,
    executor: str,
    reason: str,
) -> None:
    monkeypatch.setenv("SHOW", fault)
    run = run_faulty(tmp_path, *OBJECTIVES, executor=executor, keep="all")
    assert numbers(run) == numbers(whole)
    assert {chain["state"] for chain in read_status(run)} == {"done"}
    told = capsys.readouterr().err
    for objective in ("ce", *OBJECTIVES):
        for name in (name.removesuffix(".txt") for name in NAMES):
            line = f"small replace {objective} seed 0: the examples of {name} were not drawn: {reason} (see workers.log)"
            assert told.count(line) == 1
    log = (run / "workers.log").read_text() if executor == "local" else told
    assert log.count("Traceback (most recent call last)") == 3 * len(NAMES)
    assert "in show" in log
    assert executor == "in-process" or "Traceback" not in told
    assert not list(run.rglob("examples"))
    assert not list(run.rglob("*.tmp"))


def test_a_picture_that_was_being_drawn_when_its_process_was_killed_is_drawn_by_the_next_run(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed, run = OBJECTIVES[0], tmp_path / "tiny@1"
    monkeypatch.setenv("FAULTY", "1")
    with pytest.raises(RunFailed, match="was ended by signal SIGKILL"):
        run_faulty(tmp_path, killed, executor="local", keep="none")
    monkeypatch.delenv("FAULTY")
    assert len(records(run, killed)) == 3  # the generation was recorded before its picture was begun
    before = examples(run, killed)
    assert list(before) == [*NAMES[:2], "real.txt"]
    assert before.items() <= examples(whole, killed).items()
    run_faulty(tmp_path, killed, keep="none")
    assert examples(run, killed) == examples(whole, killed)
    resumed, expected = numbers(run), numbers(whole)
    assert resumed
    assert resumed.items() <= expected.items()
    assert not list(run.rglob("*.tmp"))


def test_a_run_leaves_pictures_of_generations_and_puts_none_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOW", "picture")
    run = run_faulty(tmp_path, generations=1)
    assert sorted(file.name for file in run.rglob("*.png")) == ["generation-00.png", "generation-01.png", "real.png"]


def test_an_adapter_that_shows_nothing_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOW", "nothing")
    run = run_faulty(tmp_path, generations=1)
    assert not list(run.rglob("examples"))
    assert not list(run.rglob("*.tmp"))


def test_pictures_of_a_run_without_any_begin_with_the_last_generation_that_is_kept(whole: Path, tmp_path: Path) -> None:
    run = shutil.copytree(whole, tmp_path / "tiny@1")
    for folder in run.glob("*/examples"):
        shutil.rmtree(folder)
    run_faulty(tmp_path, *OBJECTIVES, generations=5)
    assert list(examples(run, "ce")) == ["generation-04.txt", "generation-05.txt", "real.txt"]
