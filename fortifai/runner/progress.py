"""How a run is watched: on a terminal a bar with the time left and the chains at work, plain lines anywhere else."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from fortifai.planning.chains import PlannedChain
from fortifai.runner.forecast import Forecast
from fortifai.sanitise import lines, one_line

SECONDS_BETWEEN_LINES = 10.0

REFRESHES = 2
"""Times a second that a terminal is written anew."""


class Watcher(Protocol):
    """Shows how a run goes."""

    def started(self, chain: PlannedChain) -> None:
        """Show that a worker is at a chain."""

    def generation(self, chain: PlannedChain, generation: int, seconds: float | None) -> None:
        """Count one more generation; ``seconds``: what it took, where that is known."""

    def ended(self, chain: PlannedChain) -> None:
        """Show that no worker is at a chain any more."""

    def say(self, line: str) -> None:
        """Show a line: a chain that ended in a way worth knowing."""


@contextmanager
def watch(generations: int, forecast: Forecast, *, quiet: bool = False) -> Iterator[Watcher]:
    """Yield a watcher that shows a run on standard error.

    Args:
        generations: How many there are to run.
        forecast: Of the time that they take; the watcher tells it how the run goes.
        quiet: Whether to show only the lines about chains, and no progress.
    """
    console = Console(stderr=True, soft_wrap=True)
    if not console.is_terminal or quiet:
        yield _Lines(console, generations, forecast, quiet)
        return
    shown = _Workers(console, generations, forecast)
    with Live(console=console, get_renderable=shown.render, refresh_per_second=REFRESHES):
        yield shown


class _AtWork(NamedTuple):
    """A chain that a worker is at: the generation that is next, and since when."""

    chain: PlannedChain
    generation: int | None
    since: float


class _Workers:
    """A bar, and a table with a row for each chain that is at work."""

    def __init__(self, console: Console, total: int, forecast: Forecast) -> None:
        self._console, self._forecast = console, forecast
        columns = (
            TextColumn("generations"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self._bar = Progress(*columns, console=console)
        self._task = self._bar.add_task("generations", total=total, left="")
        self._at_work: dict[PlannedChain, _AtWork] = {}
        self._told = time.monotonic()

    def started(self, chain: PlannedChain) -> None:
        self._at_work[chain] = _AtWork(chain, None, time.monotonic())

    def generation(self, chain: PlannedChain, generation: int, seconds: float | None) -> None:
        self._bar.advance(self._task)
        self._forecast.generation(chain, generation, seconds)
        self._told = time.monotonic()
        self._at_work[chain] = _AtWork(chain, generation + 1, self._told)

    def ended(self, chain: PlannedChain) -> None:
        self._forecast.ended(chain)
        self._at_work.pop(chain, None)

    def say(self, line: str) -> None:
        self._console.print(lines(line), markup=False, emoji=False)

    def render(self) -> Group:
        """Return what stands on the terminal now."""
        left = self._forecast.seconds()
        if left is not None:
            left = max(left - (time.monotonic() - self._told), 0)
            self._bar.update(self._task, left=f"about {timedelta(seconds=round(left))} left")
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("regime", "strategy", "objective"):
            table.add_column(heading)
        for heading in ("seed", "generation", "seconds"):
            table.add_column(heading, justify="right")
        for chain, generation, since in list(self._at_work.values()):
            if generation is not None and generation > chain.horizon:
                continue  # it is being closed
            at = "" if generation is None else f"{generation}/{chain.horizon}"
            names = (chain.regime, chain.strategy, chain.objective, str(chain.seed), at, f"{time.monotonic() - since:.0f}")
            table.add_row(*(Text(one_line(name)) for name in names))
        return Group(self._bar, table) if table.rows else Group(self._bar)


class _Lines:
    def __init__(self, console: Console, total: int, forecast: Forecast, quiet: bool) -> None:
        self._console, self._total, self._forecast, self._quiet = console, total, forecast, quiet
        self._finished, self._started = 0, time.monotonic()
        self._last = self._started

    def started(self, chain: PlannedChain) -> None:
        pass

    def generation(self, chain: PlannedChain, generation: int, seconds: float | None) -> None:
        self._finished += 1
        self._forecast.generation(chain, generation, seconds)
        now = time.monotonic()
        if self._quiet or (now - self._last < SECONDS_BETWEEN_LINES and self._finished < self._total):
            return
        self._last = now
        seconds_left = self._forecast.seconds()
        left = f", about {seconds_left:.0f} s left" if seconds_left is not None else ""
        self.say(f"{self._finished}/{self._total} generations, {now - self._started:.0f} s{left}")

    def ended(self, chain: PlannedChain) -> None:
        self._forecast.ended(chain)

    def say(self, line: str) -> None:
        self._console.print(lines(line), markup=False, emoji=False, highlight=False)
