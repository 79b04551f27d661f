"""A campaign of seeded faults: each is named, scored as if it were not there or refused, and mended to the same bits.

`tox -e faults` runs it and prints the table of docs/integrity.md.
"""

import json
import shutil
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from faults_support import OF_FILES, OF_PROCESSES, Disk, Stopped

from fortifai.cli import main
from fortifai.planning.loading import Adapters
from fortifai.runner.executor import ExecutorOptions, Resources, executors
from fortifai.runner.in_process import InProcessExecutor

FAULTS = 360
"""Faults in all, as many of each kind."""

KINDS = (*OF_FILES, *OF_PROCESSES)

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
seeds = 2
objectives = ["ce", "tce-quantile:keep=0.9,unit=component"]
strategies = ["replace", "accumulate", "control"]
seconds_per_generation = 0.02
"""

RUN = "tiny@1"

LONGER = 4
"""The horizon of the run that goes on after the fault: what was kept is read again."""

TIMES = ("seconds", "samples_per_second", "peak_memory_bytes", "hash")


class Campaign(InProcessExecutor):
    """Loads the data once, and not for every fault anew."""

    ADAPTERS = Adapters()

    def __init__(self, resources: Resources, options: ExecutorOptions) -> None:
        super().__init__(resources, options)
        self._adapters = self.ADAPTERS


@dataclass(frozen=True)
class Ended:
    """How a command ended; ``thrown`` is the traceback of an error that reached the user."""

    code: int
    out: str
    err: str
    thrown: str | None = None


Call = Callable[..., Ended]


@pytest.fixture(scope="session")
def call() -> Iterator[Call]:
    """Run the command line in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traceback, "print_exc", lambda: None)  # what workers write into their log, here by this process
        patch.setitem(executors._entries, "campaign", Campaign)

        def call(*words: object) -> Ended:
            patch.setattr(sys, "argv", ["fortifai", *map(str, words)])
            code, thrown = 0, None
            with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
                try:
                    main()
                except SystemExit as end:
                    code = int(end.code or 0)
                except Exception:
                    thrown = traceback.format_exc()
            return Ended(code, out.getvalue(), err.getvalue(), thrown)

        yield call


def run_words(folder: Path, generations: int = LONGER) -> tuple[object, ...]:
    folder.mkdir(exist_ok=True)
    (suite := folder / "tiny.toml").write_text(SUITE)
    return ("run", suite, "--out", folder, "--generations", generations, "--executor", "campaign")


def numbers(run: Path) -> dict[str, object]:
    """Return everything of a run that must not depend on what happened to it: records, samples and models, by path."""
    content: dict[str, object] = {}
    for file in sorted(run.glob("*/generations.jsonl")):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        content[str(file.relative_to(run))] = [{k: v for k, v in line.items() if k not in TIMES} for line in lines]
    for file in sorted(run.glob("*/generation-??/**/*.safetensors")):
        content[str(file.relative_to(run))] = file.read_bytes()
    return content


@dataclass(frozen=True)
class Undamaged:
    """A finished run, and what one that goes on has to look like: its numbers and its score."""

    run: Path
    scores: tuple[object, object]
    numbers: dict[str, object]


@pytest.fixture(scope="session")
def disk() -> Disk:
    return Disk()


@pytest.fixture(scope="session")
def undamaged(call: Call, tmp_path_factory: pytest.TempPathFactory) -> Undamaged:
    whole, longer = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("longer")
    assert call(*run_words(whole, 3)).code == 0
    shutil.copytree(whole, longer, dirs_exist_ok=True)
    assert call(*run_words(longer)).code == 0
    scores = [json.loads(call("score", folder / RUN, "--json").out)["rows"] for folder in (whole, longer)]
    return Undamaged(whole / RUN, (scores[0], scores[1]), numbers(longer / RUN))


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
def test_no_fault_is_lost_scored_or_thrown_at_the_user(
    undamaged: Undamaged, kind: str, call: Call, disk: Disk, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    inject = damage_a_file if kind in OF_FILES else strike_a_process
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in range(FAULTS // len(KINDS)):
        folder = tmp_path / str(seed)
        where = inject(kind, seed, undamaged, folder, call, disk)
        outcomes["injected"] += 1
        problems = list(followed(folder, undamaged, call, outcomes))
        wrong += [f"seed {seed}, {where}: {problem}" for problem in problems]
        shutil.rmtree(folder)
    record_property(kind, json.dumps(outcomes))
    assert not wrong, "\n".join(wrong)


def damage_a_file(kind: str, seed: int, undamaged: Undamaged, folder: Path, call: Call, disk: Disk) -> str:
    """Damage one file of a copy of the finished run, and return which."""
    run = Path(shutil.copytree(undamaged.run, folder / RUN))
    return str(OF_FILES[kind](run, np.random.default_rng(seed)).relative_to(run))


def strike_a_process(kind: str, seed: int, undamaged: Undamaged, folder: Path, call: Call, disk: Disk) -> str:
    """Run a new suite, or the finished run to a longer horizon, strike at one of its changes of the disk, and return which."""

    def prepared() -> tuple[object, ...]:
        shutil.rmtree(folder, ignore_errors=True)
        if seed % 2:
            shutil.copytree(undamaged.run, folder / RUN)
        return run_words(folder)

    if seed % 2 not in disk.totals:
        words = prepared()
        with disk.watched():
            assert call(*words).code == 0
        disk.totals[seed % 2] = disk.changes
    of = disk.totals[seed % 2]
    place = int(np.random.default_rng(seed).integers(of))
    words = prepared()
    try:
        with disk.watched(place, OF_PROCESSES[kind]):
            ended = call(*words)
    except Stopped:
        return f"at change {place} of {of}"
    assert ended.code == 0 or "space" in ended.err, ended
    return f"at change {place} of {of}"


def followed(folder: Path, undamaged: Undamaged, call: Call, outcomes: Counter[str]) -> Iterator[str]:
    """Verify, score and resume a run after a fault, count what became of it, and yield what is wrong with that."""
    run = folder / RUN
    verified, scored = call("verify", run), call("score", run, "--json")
    resumed = call(*run_words(folder))
    again = call("verify", run), call("score", run, "--json")
    outcomes["named"] += verified.code != 0
    outcome = outcome_of(scored, undamaged)
    outcomes[outcome] += 1
    if outcome == "silent":
        yield "moved the score without a word"
    for ended in (verified, scored, resumed, *again):
        if ended.thrown is not None or "Traceback" in ended.err:
            outcomes["tracebacks"] += 1
            yield f"a traceback: {ended.thrown or ended.err}"
    problem = lost(run, undamaged, resumed, *again)
    outcomes["lost" if problem else "same bits"] += 1
    if problem:
        yield problem


def outcome_of(scored: Ended, undamaged: Undamaged) -> str:
    """Return what became of the score."""
    if scored.code == 2:
        return "refused"
    rows = json.loads(scored.out)["rows"] if scored.out else []
    if any("not whole" in (row["reason"] or "") or row["incomplete"] for row in rows):
        return "told"
    return "harmless" if rows in undamaged.scores else "silent"


def lost(run: Path, undamaged: Undamaged, resumed: Ended, verified: Ended, scored: Ended) -> str | None:
    """Return what is still wrong after the suite was run on, or None."""
    if resumed.code != 0:
        return f"blocks the run: {resumed.err}"
    found = numbers(run)  # and perhaps what was to be let go when the process was stopped, which `verify` looks at
    if damaged := sorted(name for name, content in undamaged.numbers.items() if found.get(name) != content):
        return f"is lost: {damaged}"
    if verified.code != 0:
        return f"stays damaged: {verified.out}"
    return None if json.loads(scored.out)["rows"] == undamaged.scores[1] else "stays in the score"
