"""`calibrate`: whether the loop that suites run obeys the laws that it must."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scipy.stats import norm

from fortifai.device import one_thread
from fortifai.errors import UserError
from fortifai.laws.experiments import EXPERIMENTS
from fortifai.laws.monte_carlo import Experiment, measure

LEVEL = 0.001
"""The chance, at most, that a correct loop fails a calibration: two-sided, Bonferroni-corrected over its rows."""

CHAINS = 4000
"""Chains of an experiment of 100 samples per fit; others have as many as make the same number of samples."""


@dataclass(frozen=True)
class Row:
    """A prediction beside its measurement.

    Attributes:
        law: The law's number in docs/laws.md.
        setting: What is predicted, and at which settings.
        predicted: The expected value by theory.
        measured: The mean over chains.
        standard_error: Of that mean, >= 0.
        z: Their difference in standard errors; None where chains did not vary and were not as predicted.
    """

    law: int
    setting: str
    predicted: float
    measured: float
    standard_error: float
    z: float | None


@dataclass(frozen=True)
class Calibration:
    """What `calibrate` returns.

    Attributes:
        rows: All predictions, by law.
        bound: What no |z| may exceed.
    """

    rows: tuple[Row, ...]
    bound: float

    def violated(self) -> list[Row]:
        """Return the rows in which the loop breaks a law."""
        return [row for row in self.rows if row.z is None or not abs(row.z) <= self.bound]


def calibrate(laws: Iterable[int] | None = None, chains: int | None = None, seed: int = 0) -> Calibration:
    """Check the protocol, its strategies and objectives against laws by Monte Carlo.

    Args:
        laws: Numbers of laws; None: all.
        chains: Chains of an experiment of 100 samples per fit, >= 100, and proportionally more or fewer of others; None: 4,000.
        seed: The same seed gives the same numbers.

    Raises:
        UserError: A law is unknown, or there are too few chains.
    """
    chosen = sorted(set(EXPERIMENTS if laws is None else laws))
    if unknown := [law for law in chosen if law not in EXPERIMENTS]:
        raise UserError(f"unknown law {unknown[0]}; laws are numbered {min(EXPERIMENTS)} to {max(EXPERIMENTS)}, see docs/laws.md")
    chains = CHAINS if chains is None else chains
    if chains < 100:
        raise UserError(f"{chains} chains are too few for a standard error; at least 100 are needed")
    with one_thread():  # the tensors are small
        # One function may stand for several laws; its experiments are run once.
        functions = dict.fromkeys(EXPERIMENTS[law] for law in chosen)
        experiments = [experiment for function in functions for experiment in function()]
        rows = [row for experiment in experiments for row in _rows(experiment, chains, seed) if row.law in chosen]
    rows.sort(key=lambda row: row.law)
    return Calibration(tuple(rows), bound(len(rows)))


def bound(rows: int) -> float:
    """Return the |z| that a correct loop exceeds in any of this many rows with a chance of at most 0.1 %."""
    return float(norm.isf(LEVEL / (2 * rows)))


def _rows(experiment: Experiment, chains: int, seed: int) -> Iterator[Row]:
    count = max(2, round(chains * 100 / (experiment.size or experiment.n)))
    for check, tally in zip(experiment.checks, measure(experiment, count, seed), strict=True):
        error, difference = tally.standard_error, tally.mean - check.predicted
        z = difference / error if error > 0 else 0.0 if math.isclose(difference, 0, abs_tol=1e-12) else None
        yield Row(check.law, check.setting, check.predicted, tally.mean, error, z)
