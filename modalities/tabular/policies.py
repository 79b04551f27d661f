"""Decisions and what they cost: each is made from the rows of one table and paid on those of another.

Suffixes in shapes: n rows, D columns; everything is float64. Costs are means over rows.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from .decision import Decision

Array = NDArray[np.float64]

RIDGE = 1e-8
"""Added to the variances that a portfolio is chosen by, so that of columns without any each has the same share."""


class Policy(ABC):
    """What is decided, and what it costs."""

    @abstractmethod
    def decide(self, x: Array) -> Array:
        """Return the decision, (k,), that costs least on rows, (n, D)."""

    @abstractmethod
    def pay(self, decided: Array, x: Array) -> float:
        """Return what a decision, (k,), costs on rows, (n, D)."""

    def scale(self, x: Array) -> float:
        """Return what regret is measured in on rows, (n, D): by default what the best decision costs there, >= 0."""
        return self.pay(self.decide(x), x)

    def regret(self, made_from: Array, paid_on: Array) -> float:
        """Return what a decision from some rows costs on others above the best one there, over `scale`: >= 0, 0 at best.

        Args:
            made_from: What the decision is made from, (n, D).
            paid_on: What it is paid on, (m, D), where `scale` is above 0.
        """
        best = self.pay(self.decide(paid_on), paid_on)
        return max(self.pay(self.decide(made_from), paid_on) - best, 0.0) / self.scale(paid_on)


@dataclass(frozen=True)
class Quantile(Policy):
    """One number above which a value should seldom be: an order, or a limit.

    A value above costs ``level`` for each unit, one below 1 - ``level``; the quantile of that level costs least. So an order
    against demand is chosen by the newsvendor whose critical ratio it is (Arrow, Harris and Marschak, 1951), and so is a limit
    against losses: capital that is held costs 1, what exceeds it 1 / (1 - level), which is the conditional value at risk above
    the mean (Rockafellar and Uryasev, 2000), 1 / (1 - level) times as much.

    Attributes:
        level: In (0, 1).
        column: Whose value; None: the mean of all columns.
    """

    level: float
    column: int | None

    def values(self, x: Array) -> Array:
        """Return the value of every row, (n,)."""
        return x.mean(axis=1) if self.column is None else x[:, self.column]

    def decide(self, x: Array) -> Array:
        """Return the empirical quantile, (1,): the least value that a share ``level`` of the rows does not exceed."""
        quantile: Array = np.quantile(self.values(x), [self.level], method="inverted_cdf")
        return quantile

    def pay(self, decided: Array, x: Array) -> float:
        """Return the quantile loss, >= 0."""
        over = self.values(x) - decided
        return float(np.maximum(self.level * over, (self.level - 1) * over).mean())


@dataclass(frozen=True)
class Portfolio(Policy):
    """Shares of the columns, none negative, that sum to 1: those of the least variance (Markowitz, 1952)."""

    def decide(self, x: Array) -> Array:
        """Return the shares, (D,).

        The least of w' S w / 2 - sum(w) over w >= 0, divided by its sum: non-negative least squares with S = L L'.
        """
        factor = np.linalg.cholesky(np.atleast_2d(np.cov(x, rowvar=False)) + RIDGE * np.eye(x.shape[1]))
        shares: Array = nnls(factor.T, np.linalg.solve(factor, np.ones(x.shape[1])))[0]
        return np.asarray(shares / shares.sum())

    def pay(self, decided: Array, x: Array) -> float:
        """Return the variance of what is held, >= 0."""
        return float((x @ decided).var())


@dataclass(frozen=True)
class Threshold(Policy):
    """A score beyond which a row is acted on, for a charge; one that is left alone costs what it costs.

    Regret is measured in what the score saves: 1 is as bad as acting on all rows or on none, whichever is cheaper.

    Attributes:
        score: The column that is looked at.
        cost: The column with what a row costs that is left alone.
        charge: What a row costs that is acted on.
    """

    score: int
    cost: int
    charge: float

    def decide(self, x: Array) -> Array:
        """Return the threshold, (1,): half way between two scores, or infinite where all rows are acted on or none."""
        order = np.argsort(x[:, self.score], kind="stable")
        score, saved = x[order, self.score], self.charge - x[order, self.cost]  # by leaving alone one more row
        total = np.concatenate([[0.0], -np.cumsum(saved)])
        between = np.concatenate([[-np.inf], (score[:-1] + score[1:]) / 2, [np.inf]])
        total[1:-1][score[:-1] == score[1:]] = np.inf  # rows of one score are treated alike
        return between[[int(np.argmin(total))]]

    def pay(self, decided: Array, x: Array) -> float:
        """Return the mean cost, of any sign."""
        return float(np.where(x[:, self.score] > decided, self.charge, x[:, self.cost]).mean())

    def scale(self, x: Array) -> float:
        """Return how much less the best threshold costs than the cheaper of acting on all rows and on none, >= 0."""
        return min(self.charge, float(x[:, self.cost].mean())) - self.pay(self.decide(x), x)


def policy_of(decision: Decision) -> Policy:
    """Return the policy that a decision's parameters describe."""
    if decision.policy == "portfolio":
        return Portfolio()
    if decision.policy == "threshold":
        score, cost, charge = decision.score, decision.cost, decision.charge
        return Threshold(score or 0, cost or 0, charge or 0.0)
    return quantile_of(decision)


def quantile_of(decision: Decision) -> Quantile:
    """Return the policy of a decision that is a quantile. Raises ValueError for another one."""
    level = decision.ratio if decision.policy == "newsvendor" else decision.level
    if level is None:
        raise ValueError(f"the decision of policy={decision.policy} is no quantile")
    return Quantile(level, decision.column)
