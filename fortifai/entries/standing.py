"""A new entry held against those that stand: nothing is replaced, nothing is there twice, and the same start is the same."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from statistics import fmean
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


Start = tuple[str, str, str, str]
"""A suite's identity, a regime, a strategy and a metric."""


class Fingerprint(NamedTuple):
    """What an entry is compared by.

    ``file``: its file. ``heads``: a hash over all records of its chains. ``values``: a hash over what was measured of all chains
    but the baseline's. ``starts``: the fidelity metric at generation 0 of the baseline's chains.
    """

    file: Path
    heads: str
    values: str
    starts: dict[Start, list[float]]


def fingerprint(file: Path, entry: Entry) -> Fingerprint:
    """Return what an entry is compared by; ``file``: its file."""
    numbers = entry.numbers
    return Fingerprint(file, _heads(numbers), _values(numbers), _starts(numbers))


class Known:
    """The entries that others are held against, by what they hold.

    Neither adding one nor asking about one takes longer the more there are.
    """

    def __init__(self) -> None:
        self._by_heads: dict[str, list[Path]] = defaultdict(list)
        self._by_values: dict[str, list[Path]] = defaultdict(list)
        self._starts: dict[Start, Moments] = defaultdict(Moments)

    def add(self, one: Fingerprint) -> None:
        """Add an entry."""
        self._by_heads[one.heads].append(one.file)
        self._by_values[one.values].append(one.file)
        for key, values in one.starts.items():
            self._starts[key] = self._starts[key].plus(Moments.of(values))

    def duplicate_faults(self, one: Fingerprint, is_left_out: Callable[[Path], bool]) -> Iterator[str]:
        """Yield which entries hold the same chains already.

        Args:
            one: The entry that is checked.
            is_left_out: Returns whether it is not held against the entry in a file.
        """
        same = [file for file in self._by_heads.get(one.heads, ()) if not is_left_out(file)]
        alike = [file for file in self._by_values.get(one.values, ()) if not is_left_out(file) and file not in same]
        yield from (f"{file.name} holds the same run already" for file in same)
        yield from (f"{file.name} holds the same numbers already" for file in alike)

    def starts(self, key: Start, without: Fingerprint | None = None) -> "Moments":
        """Return the moments of the values of a start, but for those of one entry that was added."""
        moments = self._starts.get(key, Moments())
        return moments if without is None else moments.minus(Moments.of(without.starts.get(key, [])))


class Moments(NamedTuple):
    """How many values there are, and the sums of them and of their squares: as fractions, from which an entry's go exactly."""

    n: int = 0
    total: Fraction = Fraction(0)
    squares: Fraction = Fraction(0)

    @classmethod
    def of(cls, values: Sequence[float]) -> "Moments":
        """Return the moments of values."""
        exact = [Fraction(value) for value in values]
        return cls(len(exact), sum(exact, Fraction(0)), sum((value * value for value in exact), Fraction(0)))

    def plus(self, other: "Moments") -> "Moments":
        """Return the moments of the values of both."""
        return Moments(self.n + other.n, self.total + other.total, self.squares + other.squares)

    def minus(self, other: "Moments") -> "Moments":
        """Return the moments without values that are among them."""
        return Moments(self.n - other.n, self.total - other.total, self.squares - other.squares)

    @property
    def mean(self) -> float:
        """Of at least one value."""
        return float(self.total / self.n)

    @property
    def deviation(self) -> float:
        """The standard deviation of at least two values, with one degree of freedom less."""
        try:
            return math.sqrt((self.squares - self.total * self.total / self.n) / (self.n - 1))
        except OverflowError:  # of values that no metric has, which is told elsewhere
            return math.inf


def start_faults(one: Fingerprint, known: Callable[[Start], Moments]) -> Iterator[str]:
    """Yield the regimes in which generation 0 of the baseline is not what it is in the entries of the same suite that stand.

    The mean over the new chains should lie within what the chains that stand predict for it: mean ± t s sqrt(1/m + 1/k), with
    the k - 1 degrees of freedom and the standard deviation s of the k that stand.

    Args:
        one: The entry that is checked.
        known: Returns the moments of a start in the entries that stand.
    """
    for key, values in one.starts.items():
        stand = known(key)
        if stand.n < 2:
            continue
        quantile = float(stdtrit(stand.n - 1, (1 + SURE) / 2))
        reach = quantile * stand.deviation * math.sqrt(1 / len(values) + 1 / stand.n)
        mean, expected = fmean(values), stand.mean
        if abs(mean - expected) > reach + SAME * abs(expected):
            _, regime, strategy, metric = key
            yield (
                f"{regime} {strategy}: {metric} of {BASELINE} at generation 0 is {mean:.6g} on average, and in the "
                f"{stand.n} chains that stand {expected:.6g} ± {reach:.2g}"
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


def _starts(numbers: RunNumbers) -> dict[Start, list[float]]:
    starts: dict[Start, list[float]] = defaultdict(list)
    for chain in numbers.chains:
        column = chain.generations.metrics.get(chain.fidelity_metric) or [None]
        if chain.objective == BASELINE and column[0] is not None:
            starts[numbers.suite.identity, chain.regime, chain.strategy, chain.fidelity_metric].append(column[0])
    return starts
