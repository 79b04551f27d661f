"""A new entry held against those that stand: nothing is replaced, nothing is there twice, and the same start is the same."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

from scipy.special import stdtrit

from fortifai.fidelity.rule import BASELINE
from fortifai.records.entry import Entry
from fortifai.records.hashing import content_hash
from fortifai.records.numbers import RunNumbers

SURE = 0.999
"""How sure it has to be that generation 0 is another: an honest entry of five regimes is refused once in 200 times."""

SAME = 1e-6
"""Relative. Values that differ by less are the same on another machine."""


class Standing(NamedTuple):
    """An entry that stands, or one that is checked beside others, and what its file is called."""

    name: str
    entry: Entry


def duplicate_faults(entry: Entry, others: Sequence[Standing]) -> Iterator[str]:
    """Yield which entries hold the same chains already."""
    heads, values = _heads(entry.numbers), _values(entry.numbers)
    for name, other in others:
        if _heads(other.numbers) == heads:
            yield f"{name} holds the same run already"
        elif _values(other.numbers) == values:
            yield f"{name} holds the same numbers already"


def start_faults(entry: Entry, others: Sequence[Standing]) -> Iterator[str]:
    """Yield the regimes in which generation 0 of the baseline is not what it is in the entries of the same suite that stand.

    The mean over the new chains should lie within what the chains that stand predict for it: mean ± t s sqrt(1/m + 1/k), with
    the k - 1 degrees of freedom and the standard deviation s of the k that stand.
    """
    known: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for _, other in others:
        if other.numbers.suite.identity == entry.numbers.suite.identity:
            for key, values in _starts(other.numbers).items():
                known[key] += values
    for key, values in _starts(entry.numbers).items():
        stand = known[key]
        if len(stand) < 2:
            continue
        reach = float(stdtrit(len(stand) - 1, (1 + SURE) / 2)) * stdev(stand) * math.sqrt(1 / len(values) + 1 / len(stand))
        mean, expected = fmean(values), fmean(stand)
        if abs(mean - expected) > reach + SAME * abs(expected):
            yield (
                f"{key[0]} {key[1]}: {key[2]} of {BASELINE} at generation 0 is {mean:.6g} on average, and in the "
                f"{len(stand)} chains that stand {expected:.6g} ± {reach:.2g}"
            )


def replaced_faults(file: Path, content: bytes, standing: Path) -> Iterator[str]:
    """Yield whether a file would take the place of another that stands."""
    there = standing / file.name
    if there.is_file() and there.read_bytes() != content:
        yield f"it would replace {there}, and an entry never replaces another: give the method another name"


def _heads(numbers: RunNumbers) -> str:
    return content_hash({chain.id: chain.head or chain.generations.model_dump(mode="json") for chain in numbers.chains})


def _values(numbers: RunNumbers) -> str:
    """Return a hash of what was measured of all chains but the baseline's, which are the same in many entries."""
    chains = [chain for chain in numbers.chains if chain.objective != BASELINE] or numbers.chains
    return content_hash({chain.id: chain.generations.metrics for chain in chains})


def _starts(numbers: RunNumbers) -> dict[tuple[str, str, str], list[float]]:
    """Return the fidelity metric at generation 0 of the baseline's chains, by regime, strategy and metric."""
    starts: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for chain in numbers.chains:
        column = chain.generations.metrics.get(chain.fidelity_metric) or [None]
        if chain.objective == BASELINE and column[0] is not None:
            starts[chain.regime, chain.strategy, chain.fidelity_metric].append(column[0])
    return starts
