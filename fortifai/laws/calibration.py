"""`calibrate`: does the loop that the suites run obey the laws that it must?"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from scipy.stats import norm

from fortifai.errors import UserError
from fortifai.laws.experiments import EXPERIMENTS
from fortifai.laws.monte_carlo import Experiment, measure

LEVEL = 0.001
"""The chance, at most, that a correct loop fails a calibration: two-sided, Bonferroni-corrected over its rows."""

CHAINS = 4000
"""Chains of an experiment of 100 samples a fit; others have as many more or fewer as make the same number of samples."""


@dataclass(frozen=True)
class Row:
    """A prediction beside its measurement. ``z`` is None where chains did not vary and were not as predicted."""

    law: int
    setting: str
    predicted: float
    measured: float
    standard_error: float
    z: float | None


@dataclass(frozen=True)
class Calibration:
    """All rows, and the bound that no |z| may exceed."""

    rows: tuple[Row, ...]
    bound: float

    def violated(self) -> list[Row]:
        """Give the rows in which the loop disobeys."""
        return [row for row in self.rows if row.z is None or not abs(row.z) <= self.bound]


def calibrate(laws: Iterable[int] | None = None, chains: int | None = None, seed: int = 0) -> Calibration:
    """Check the protocol, its strategies and objectives against laws by Monte Carlo; by default against all laws.

    ``chains``: of an experiment of 100 samples a fit (by default 4,000), and proportionally more or fewer for others. The same
    seed gives the same numbers. Raises UserError for an unknown law and for too few chains.
    """
    chosen = sorted(set(EXPERIMENTS if laws is None else laws))
    if unknown := [law for law in chosen if law not in EXPERIMENTS]:
        raise UserError(f"unknown law {unknown[0]}; laws are numbered {min(EXPERIMENTS)} to {max(EXPERIMENTS)}, see docs/laws.md")
    if (wanted := CHAINS if chains is None else chains) < 100:
        raise UserError(f"{wanted} chains are too few for a standard error; at least 100 are needed")
    with _one_thread():
        # A function stands for each of its laws, and its experiments are run once.
        made = [e for experiments in dict.fromkeys(EXPERIMENTS[law] for law in chosen) for e in experiments()]
        rows = [row for experiment in made for row in _rows(experiment, wanted, seed) if row.law in chosen]
    rows.sort(key=lambda row: row.law)
    return Calibration(tuple(rows), bound(len(rows)))


def bound(rows: int) -> float:
    """Give the |z| that a correct loop exceeds in any of so many rows with a chance of at most 0.1 %."""
    return float(norm.isf(LEVEL / (2 * rows)))


def _rows(experiment: Experiment, chains: int, seed: int) -> Iterator[Row]:
    count = max(2, round(chains * 100 / (experiment.size or experiment.n)))
    for check, tally in zip(experiment.checks, measure(experiment, count, seed), strict=True):
        error, off = tally.standard_error, tally.mean - check.predicted
        z = off / error if error > 0 else 0.0 if math.isclose(off, 0, abs_tol=1e-12) else None
        yield Row(check.law, check.setting, check.predicted, tally.mean, error, z)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # the tensors are small, and sums do not depend on how they are split
    try:
        yield
    finally:
        torch.set_num_threads(before)
