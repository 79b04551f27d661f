"""What fitting generation 0 once saves: seconds of a suite's chains with and without it.

``python benchmarks/shared_generation_0.py recorded RUN`` reads a finished run, or its entry: every generation's seconds stand in
its records, and those of a generation 0 once, so that what it would have taken for every chain by itself is known as well.
``... measured quick --seeds 1`` runs a suite both ways, in this process, and prints the processor time of each. The numbers of
all chains are compared, and must be the same to the last bit.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import Any
from unittest import mock

from fortifai.planning.loading import Adapters
from fortifai.records.entry_file import is_entry, read_entry
from fortifai.records.layout import RECORDS_FILE
from fortifai.records.run_numbers import numbers_of
from fortifai.runner import worker
from fortifai.runner.executor import Executor, executors
from fortifai.runner.messages import Event, Task
from fortifai.runner.run import run


def recorded(source: Path) -> tuple[float, float]:
    """Return the seconds of a run's chains as they are, and as they would be if each fitted its own generation 0.

    Of a generation 0 whose record is gone, the mean of the others is taken.

    Args:
        source: The run folder, or the file of its entry.
    """
    numbers = read_entry(source).numbers if is_entry(source) else numbers_of(source)
    fits = {shared.key: sum(shared.seconds.values()) for shared in numbers.generations_0}
    usual = mean(fits.values()) if fits else 0.0
    times = Counter(chain.generation_0 for chain in numbers.chains if chain.generation_0 is not None)
    columns = (column for chain in numbers.chains for column in chain.generations.seconds.values())
    seconds = sum(value or 0.0 for column in columns for value in column)
    alone = sum(count * fits.get(key, usual) for key, count in times.items())
    return seconds + sum(fits.get(key, usual) for key in times), seconds + alone


class InProcess(Executor):
    """Runs one task after the other, in this process."""

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Event]]:
        """Run all tasks, and yield events as they come, each with the place of its task."""
        adapters = Adapters()
        for place, task in enumerate(tasks):
            events: list[Event] = []
            events.append(worker.perform(task, adapters, events.append))
            yield from ((place, event) for event in events)

    def stop(self) -> None:
        """End what still runs: here, nothing does."""


def measured(suite: str, seeds: int) -> tuple[float, float]:
    """Run a suite both ways, and return the processor time in seconds: sharing generation 0, and not."""
    executors.register("in-process", InProcess)
    with tempfile.TemporaryDirectory() as out:
        start = time.process_time()
        one = run(suite, Path(out) / "shared", seeds=seeds, executor="in-process").path
        middle = time.process_time()
        plain = worker.run_chain
        with mock.patch.object(worker, "run_chain", lambda *chain, shared, **options: plain(*chain, **options)):
            other = run(suite, Path(out) / "alone", seeds=seeds, executor="in-process").path
        end = time.process_time()
        if numbers(one) != numbers(other):
            raise SystemExit("the numbers differ")
    return middle - start, end - middle


def numbers(folder: Path) -> dict[str, list[Any]]:
    """Return by chain what its records hold, times and memory aside."""
    moving = ("seconds", "samples_per_second", "peak_memory_bytes", "shared", "hash")
    files = {file.parent.name: file.read_text().splitlines() for file in folder.glob(f"*/{RECORDS_FILE}")}
    return {
        chain: [{name: value for name, value in json.loads(line).items() if name not in moving} for line in lines]
        for chain, lines in files.items()
    }


def main() -> None:
    """Print a line for a run or a suite."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ways = parser.add_subparsers(dest="way", required=True)
    ways.add_parser("recorded").add_argument("run", type=Path, help="a run folder, or the file of an entry")
    by_time = ways.add_parser("measured")
    by_time.add_argument("suite")
    by_time.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    name = str(options.run if options.way == "recorded" else options.suite)
    shared, alone = recorded(options.run) if options.way == "recorded" else measured(options.suite, options.seeds)
    print(
        f"{name}: {alone:.1f} s if every chain fits generation 0, {shared:.1f} s if it is shared: {1 - shared / alone:.1%} less"
    )


if __name__ == "__main__":
    main()
