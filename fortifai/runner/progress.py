"""How a run is watched: a bar with the time left on a terminal, plain lines anywhere else."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from fortifai.sanitise import lines

SECONDS_BETWEEN_LINES = 10.0


class Watcher(Protocol):
    """Shows how a run goes."""

    def generation(self) -> None:
        """Count one more generation."""

    def say(self, line: str) -> None:
        """Show a line: a chain that ended in a way worth knowing."""


@contextmanager
def watch(generations: int, *, quiet: bool = False) -> Iterator[Watcher]:
    """Yield a watcher that shows a run on standard error.

    Args:
        generations: How many there are to run.
        quiet: Whether to show only the lines about chains, and no progress.
    """
    console = Console(stderr=True, soft_wrap=True)
    if not console.is_terminal or quiet:
        yield _Lines(console, generations, quiet)
        return
    columns = (TextColumn("generations"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        yield _Bar(bar, generations)


class _Bar:
    def __init__(self, bar: Progress, total: int) -> None:
        self._bar, self._task = bar, bar.add_task("generations", total=total)

    def generation(self) -> None:
        self._bar.advance(self._task)

    def say(self, line: str) -> None:
        self._bar.console.print(lines(line), markup=False, emoji=False)


class _Lines:
    def __init__(self, console: Console, total: int, quiet: bool) -> None:
        self._console, self._total, self._quiet = console, total, quiet
        self._finished, self._started = 0, time.monotonic()
        self._first = self._last = self._started

    def generation(self) -> None:
        self._finished += 1
        now = time.monotonic()
        if self._finished == 1:
            self._first = now  # workers take seconds to start, which says nothing about those to come
        if self._quiet or (now - self._last < SECONDS_BETWEEN_LINES and self._finished < self._total):
            return
        self._last = now
        pace = (now - self._first) / max(self._finished - 1, 1)
        left = f", about {pace * (self._total - self._finished):.0f} s left" if self._finished > 1 else ""
        self.say(f"{self._finished}/{self._total} generations, {now - self._started:.0f} s{left}")

    def say(self, line: str) -> None:
        self._console.print(lines(line), markup=False, emoji=False, highlight=False)
