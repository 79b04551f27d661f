"""What a run cost, by objective: seconds of each step of a generation, and memory."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from statistics import fmean
from typing import NamedTuple

from fortifai.records.numbers import ChainNumbers, RunNumbers
from fortifai.report.tables import NONE

MEBIBYTE = 2**20


class Costs(NamedTuple):
    """A table of text, and the seconds that fitting shared generations 0 took, once for all chains; None without any."""

    headings: list[str]
    rows: list[list[str]]
    shared_seconds: str | None


def costs_of(numbers: RunNumbers, first: str) -> Costs:
    """Return what each objective cost in each regime and strategy.

    Seconds of a step are means over generations from 1 on, since generation 0 may be shared; the total is of all generations.

    Args:
        numbers: Of the run.
        first: The objective that comes first in each group.
    """
    cells: dict[tuple[str, str, bool, str], list[ChainNumbers]] = defaultdict(list)
    for chain in numbers.chains:
        cells[chain.regime, chain.strategy, chain.objective != first, chain.objective].append(chain)
    recorded = sorted({step for chain in numbers.chains for step in chain.generations.seconds})
    steps = [step for step in recorded if _later(numbers.chains, step)]  # but for the taking of a shared generation 0
    rows = []
    for (regime, strategy, _, objective), chains in sorted(cells.items(), key=lambda item: item[0]):
        means = [_seconds(_later(chains, step), fmean) for step in steps]
        total = _seconds(_known(column for chain in chains for column in chain.generations.seconds.values()), sum)
        peaks = _known(chain.generations.peak_memory_bytes for chain in chains)
        generations = sum(len(chain.generations) for chain in chains)
        peak = f"{max(peaks) / MEBIBYTE:.0f}" if peaks else NONE
        rows.append([regime, strategy, objective, str(len(chains)), str(generations), *means, total, peak])
    headings = ["regime", "strategy", "objective", "chains", "generations", *(f"{step}, s a generation" for step in steps)]
    shared = _known(shared.seconds.values() for shared in numbers.generations_0)
    return Costs([*headings, "all, s", "peak memory, MiB"], rows, _seconds(shared, sum) if shared else None)


def _later(chains: list[ChainNumbers], step: str) -> list[float]:
    """Return the seconds of a step in all generations from 1 on."""
    return _known(chain.generations.seconds.get(step, [])[1:] for chain in chains)


def _known(columns: Iterable[Iterable[float | None]]) -> list[float]:
    return [value for column in columns for value in column if value is not None]


def _seconds(values: list[float], summary: Callable[[list[float]], float]) -> str:
    """Return a summary of seconds with two digits that count; a dash for none."""
    if not values:
        return NONE
    value = summary(values)
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
