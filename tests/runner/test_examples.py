"""A generation that is recorded has its example, whatever is kept of it and whenever the chain was stopped."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from runner_support import numbers, records, write_suite

from fortifai.contract.samples import Samples
from fortifai.records.status import read_status

RUN = [sys.executable, "-P", "-c", "from fortifai.cli import main; main()", "run"]
NAMES = ["generation-00.txt", "generation-01.txt", "generation-02.txt", "generation-03.txt", "generation-04.txt", "real.txt"]


def run(out: Path, environment: dict[str, str], objectives: tuple[str, ...], *options: str) -> subprocess.CompletedProcess[str]:
    suite = write_suite(out, modality="faulty", objectives=("ce", *objectives), strategies=("replace", "control"))
    command = [*RUN, str(suite), "--out", str(out), "--seeds", "1", "--strategy", "replace", *options]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def examples(out: Path, objective: str) -> dict[str, str]:
    chain = next(chain["id"] for chain in read_status(out / "tiny@1") if chain["objective"] == objective)
    return {file.name: file.read_text() for file in sorted((out / "tiny@1" / chain / "examples").iterdir())}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, plugin: Path) -> Path:
    """A run that nothing happened to and of which everything is kept."""
    out = tmp_path_factory.mktemp("whole")
    done = run(out, {**os.environ, "PYTHONPATH": str(plugin)}, ("focal:gamma=7", "focal:gamma=8"), "--keep", "all")
    assert done.returncode == 0, done.stderr
    return out


def test_every_generation_shows_the_samples_that_it_made(whole: Path) -> None:
    found = examples(whole, "ce")
    assert list(found) == NAMES
    assert len(set(found.values())) == len(NAMES)
    chain = next(chain["id"] for chain in read_status(whole / "tiny@1") if chain["objective"] == "ce")
    for generation, name in enumerate(NAMES[:-1]):
        made = Samples.load(whole / "tiny@1" / chain / f"generation-{generation:02d}" / "samples.safetensors")
        assert torch.equal(torch.tensor([float(x) for x in found[name].split()], dtype=made["x"].dtype), made["x"][0])


@pytest.mark.parametrize(("fault", "keep"), [(7, "last"), (8, "none")])
def test_a_crash_while_an_example_is_written_leaves_no_half_of_it(
    whole: Path, tmp_path: Path, environment: dict[str, str], fault: int, keep: str
) -> None:
    """7: killed; 8: no space left on the disk."""
    objective = f"focal:gamma={fault}"
    done = run(tmp_path, {**environment, "FAULTY": "1"}, (objective,), "--keep", keep)
    assert done.returncode == 1
    assert ("is full: nothing is half written" in done.stderr) == (fault == 8)
    assert len(records(tmp_path / "tiny@1", objective)) == 2
    before = examples(tmp_path, objective)
    assert list(before) == [*NAMES[:2], "real.txt"]
    assert before.items() <= examples(whole, objective).items()
    # The same command goes on, and what is shown stays whatever else does.
    assert run(tmp_path, environment, (objective,), "--keep", keep).returncode == 0
    assert examples(tmp_path, objective) == examples(whole, objective)
    resumed, expected = numbers(tmp_path / "tiny@1"), numbers(whole / "tiny@1")
    assert resumed
    assert resumed.items() <= expected.items()
    assert not list((tmp_path / "tiny@1").rglob("*.tmp"))


def test_an_adapter_that_shows_nothing_leaves_no_folder(undisturbed: Path) -> None:
    assert not list(undisturbed.rglob("examples"))
    assert not list(undisturbed.rglob("*.tmp"))


def test_examples_of_a_run_from_before_there_were_any_begin_where_it_goes_on(
    whole: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    shutil.copytree(whole / "tiny@1", tmp_path / "tiny@1")
    for folder in (tmp_path / "tiny@1").glob("*/examples"):
        shutil.rmtree(folder)
    assert run(tmp_path, environment, ("focal:gamma=7",), "--generations", "5").returncode == 0
    assert list(examples(tmp_path, "ce")) == ["generation-05.txt", "real.txt"]
