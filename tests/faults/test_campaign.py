"""A campaign of seeded faults in a finished run: each is named, scored as if it were not there or refused, and mended.

`tox -e faults` runs it and prints the table of docs/integrity.md.
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

import fortifai
from fortifai.errors import RunFailed, UserError
from fortifai.fidelity.scores import ScoreTable
from fortifai.planning.loading import Adapters
from fortifai.records.verification import verify_run
from fortifai.runner.executor import Executor, Resources, executors
from fortifai.runner.messages import Event, Task
from fortifai.runner.worker import perform

FAULTS = 360
"""Faults in all, as many of each kind."""

SUITE = """
schema = 1
name = "tiny"
version = 1
summary = "penguins"
[regimes.small]
modality = "tabular"
data.source = "penguins"
model.components = 2
metrics = ["sliced_wasserstein", "confidence_gap"]
fidelity_metric = "sliced_wasserstein"
sampling.temperature = 0.8
n = 40
start = "warm"
generations = 3
seeds = 3
objectives = ["ce", "tce-quantile:keep=0.9,unit=component"]
strategies = ["replace", "accumulate", "control"]
seconds_per_generation = 0.02
"""

LONGER = 4
"""The horizon of the run that goes on after the damage: what was kept is read again."""

TIMES = ("seconds", "samples_per_second", "peak_memory_bytes", "hash")

_ADAPTERS = Adapters()


class InProcess(Executor):
    """Performs tasks one after the other in this process, which starts no other."""

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Event]]:
        for place, task in enumerate(tasks):
            events: list[Event] = []
            events.append(perform(task, _ADAPTERS, events.append))
            yield from ((place, event) for event in events)

    def stop(self) -> None:
        """Nothing runs on."""


def run(folder: Path, generations: int) -> Path:
    if "campaign" not in executors:
        executors.register("campaign", InProcess)
    suite = folder / "tiny.toml"
    suite.write_text(SUITE)
    return fortifai.run(suite, folder, generations=generations, executor="campaign", quiet=True).path


def numbers(run: Path) -> dict[str, object]:
    content: dict[str, object] = {}
    for file in sorted(run.glob("*/generations.jsonl")):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        content[str(file.relative_to(run))] = [{k: v for k, v in line.items() if k not in TIMES} for line in lines]
    for file in sorted(run.glob("*/generation-??/**/*.safetensors")):
        content[str(file.relative_to(run))] = file.read_bytes()
    return content


# The faults. Each changes one file of a run, chosen by the generator, and says which.

Fault = Callable[[Path, np.random.Generator], Path]


def any_file(run: Path, rng: np.random.Generator, pattern: str = "**/*") -> Path:
    """Return one of the files that something depends on: not the lock, and not the log."""
    files = sorted(file for file in run.glob(pattern) if file.is_file() and file.name not in ("lock", "workers.log"))
    return files[rng.integers(len(files))]


def a_flipped_bit(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng)
    content = bytearray(file.read_bytes())
    content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    file.write_bytes(content)
    return file


def a_cut_file(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng)
    content = file.read_bytes()
    file.write_bytes(content[: rng.integers(len(content))])
    return file


def a_lost_file(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng)
    file.unlink()
    return file


def a_lost_chain(run: Path, rng: np.random.Generator) -> Path:
    folder = any_file(run, rng, "*/chain.json").parent
    shutil.rmtree(folder)
    return folder


def a_page_of_zeros(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng)
    content = bytearray(file.read_bytes())
    start = int(rng.integers(len(content)))
    zeros = bytes(len(content[start : start + 512]))
    content[start : start + 512] = zeros if zeros != content[start : start + 512] else b"\x01" * len(zeros)
    file.write_bytes(content)
    return file


def a_changed_digit(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng, ["*/generations.jsonl", "*/chain.json", "nulls/*.json", "*.json"][rng.integers(4)])
    content = bytearray(file.read_bytes())
    digits = [place for place, byte in enumerate(content) if chr(byte).isdigit()]
    place = digits[rng.integers(len(digits))]
    content[place] = ord("0") + (content[place] - ord("0") + int(rng.integers(1, 10))) % 10
    file.write_bytes(content)
    return file


def a_line_twice(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng, "*/generations.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    place = rng.integers(len(lines))
    file.write_bytes(b"".join([*lines[: place + 1], *lines[place:]]))
    return file


def a_line_less(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng, "*/generations.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    del lines[rng.integers(len(lines) - 1)]  # not the last: a chain that is a generation short is not damaged
    file.write_bytes(b"".join(lines))
    return file


def two_swapped_files(run: Path, rng: np.random.Generator) -> Path:
    name = ["generations.jsonl", "chain.json", "generation-03/samples.safetensors", "generation-03/model/mixture.safetensors"]
    files = sorted(run.glob(f"*/{name[rng.integers(4)]}"))
    one, other = (files[place] for place in rng.choice(len(files), 2, replace=False))
    contents = one.read_bytes(), other.read_bytes()
    one.write_bytes(contents[1])
    other.write_bytes(contents[0])
    return one


def a_pipe(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng)
    file.unlink()
    os.mkfifo(file)
    return file


def a_link_outside(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng)
    outside = run.parent / f"outside-{file.name}"
    file.rename(outside)
    file.symlink_to(outside)
    return file


def not_a_number(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng, "*/generation-03/**/*.safetensors")
    content = bytearray(file.read_bytes())
    content[-8:] = np.array([np.nan]).tobytes()
    file.write_bytes(content)
    return file


KINDS: dict[str, Fault] = {
    fault.__name__.replace("_", " "): fault
    for fault in (
        a_flipped_bit, a_cut_file, a_lost_file, a_lost_chain, a_page_of_zeros, a_changed_digit, a_line_twice, a_line_less,
        two_swapped_files, a_pipe, a_link_outside, not_a_number,
    )
}  # fmt: skip


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A finished run, and the numbers of one that went on to a longer horizon."""
    whole, longer = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("longer")
    return run(whole, 3), numbers(run(longer, LONGER))


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
def test_no_fault_is_lost_scored_or_thrown_at_the_user(undamaged, kind, tmp_path, capsys):
    whole, longer = undamaged
    score = fortifai.score(whole)
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in range(FAULTS // len(KINDS)):
        folder = tmp_path / str(seed)
        damaged = Path(shutil.copytree(whole, folder / whole.name))
        file = KINDS[kind](damaged, np.random.default_rng(seed)).relative_to(damaged)
        outcomes["injected"] += 1
        outcomes["named"] += not is_whole(damaged)
        outcomes[outcome := scored(damaged, score)] += 1
        problem = "moved the score without a word" if outcome == "SILENT" else mended(folder, longer)
        if problem is None:
            outcomes["mended"] += 1
        else:
            wrong.append(f"seed {seed}, {file}: {problem}")
        shutil.rmtree(folder)
    with capsys.disabled():
        print(f"\n| {kind} | " + " | ".join(str(outcomes[column]) for column in COLUMNS) + " |")
    assert not wrong, "\n".join(wrong)


COLUMNS = ("injected", "named", "refused", "told", "harmless", "mended")
"""Of the printed row: faults; that `verify` names; of which the score is refused, told to be not whole, or the same as before;
and after which the next run has the numbers of one that was never damaged."""


def is_whole(run: Path) -> bool:
    try:
        return verify_run(run).is_whole
    except UserError:  # it is not even a run folder any more
        return False


def scored(run: Path, before: ScoreTable) -> str:
    """Return what became of the score."""
    try:
        table = fortifai.score(run)
    except UserError:
        return "refused"
    if any("not whole" in (row.reason or "") or row.incomplete for row in table.rows):
        return "told"
    return "harmless" if table == before else "SILENT"


def mended(folder: Path, longer: dict[str, object]) -> str | None:
    """Run the suite on, and return what is still wrong."""
    try:
        path = run(folder, LONGER)
    except (UserError, RunFailed) as error:
        return f"blocks the run: {error}"
    again = numbers(path)
    if again != longer:
        return f"is lost: {sorted(name for name in {*longer, *again} if again.get(name) != longer.get(name))}"
    return None if is_whole(path) else f"stays damaged: {verify_run(path).findings[:2]}"
