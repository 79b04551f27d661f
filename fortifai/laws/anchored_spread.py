"""Law 9: where a Gaussian comes to rest that is refitted under anchored truncation to its own samples (`replace`).

With u = ln(sigma / sigma_0), sigma_0 being generation 0's, a fit of the model at u leaves out |z| < c of its standard normal
draws z, where c = sqrt(-2 u / T) below sigma_0 and 0 above it, and T is the temperature, a factor of the variance that is
sampled. The next variance is T S times the last, S being the mean square of what is left about the mean of all. The moments of S
are those of the two tails; u is a Markov chain, and its distribution after any number of fits follows by quadrature.
Derivation: docs/laws.md.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq
from scipy.stats import gamma, norm

from fortifai.laws.closed_forms import truncated_variance

Array = NDArray[np.float64]

LOWEST, HIGHEST = -2.0, 4.0
"""The range of u that is followed. Above 0 the distribution falls like exp(-4 u), below 0 faster."""

ORDER = 6
"""Gauss-Legendre nodes of a panel. Panels are as wide as one fit scatters; twice the nodes move no mean of u by 1e-8."""


class Growth(NamedTuple):
    """Mean, variance and skewness of S, each of the shape of u."""

    mean: Array
    variance: Array
    skewness: Array


def masked_below(u: ArrayLike, temperature: float) -> Array:
    """Return c, the distance to the mean in standard deviations of the samples within which all are left out.

    Args:
        u: ln(sigma / sigma_0) of the models that made the samples, any shape.
        temperature: Factor of the variance that is sampled, > 0.
    """
    return np.asarray(np.sqrt(np.maximum(-2 * np.asarray(u, dtype=np.float64), 0) / temperature))


def expected_growth(u: ArrayLike, n: int, temperature: float) -> Array:
    """Return E[next variance / last variance] at u: T (eta(c) (1 - 2/n) + 1/n), exact at every n.

    Args:
        u: ln(sigma / sigma_0) of the models that made the samples, any shape.
        n: Samples of a generation.
        temperature: Factor of the variance that is sampled, > 0.
    """
    return temperature * growth(u, n, temperature).mean


def growth(u: ArrayLike, n: int, temperature: float) -> Growth:
    """Return the moments of S at u: the mean exactly, the others to their first order in 1/n, and exactly above 0.

    Args:
        u: ln(sigma / sigma_0) of the models that made the samples, any shape.
        n: Samples of a generation.
        temperature: Factor of the variance that is sampled, > 0.
    """
    c = masked_below(u, temperature)
    kept, hazard = 2 * norm.sf(c), norm.pdf(c) / norm.sf(c)
    # E[z^2], E[z^4] and E[z^6] of the two tails, by parts; 1, 3 and 15 of the whole.
    second = 1 + c * hazard
    fourth = 3 + c * (c**2 + 3) * hazard
    sixth = 15 + c * (c**4 + 5 * c**2 + 15) * hazard
    spread = fourth - second**2
    reciprocal = (1 + (1 - kept) / (n * kept)) / (n * kept)  # E[1 / number kept], to the second order
    skewness = (sixth - 3 * fourth * second + 2 * second**3) / spread**1.5 * np.sqrt(reciprocal / (1 - 1 / n))
    return Growth(second * (1 - 2 / n) + 1 / n, spread * reciprocal * (1 - 1 / n), skewness)


@dataclass(frozen=True)
class Spread:
    """The distribution of u = ln(sigma / sigma_0) over chains, on nodes.

    Attributes:
        u: Nodes, ascending, (M,), `ORDER` for each panel.
        mass: Of each, (M,); they sum to 1.
        edges: Of the panels, ascending, (M / ORDER + 1,).
    """

    u: Array
    mass: Array
    edges: Array

    @property
    def mean(self) -> float:
        """The mean of u."""
        return float(self.mass @ self.u)

    @property
    def deviation(self) -> float:
        """The standard deviation of u."""
        return math.sqrt(float(self.mass @ (self.u - self.mean) ** 2))

    @property
    def variance_ratio(self) -> float:
        """The mean of (sigma / sigma_0)^2."""
        return float(self.mass @ np.exp(2 * self.u))

    def quantile(self, level: float) -> float:
        """Return the quantile of sigma / sigma_0 at a level in (0, 1)."""
        below = np.concatenate([[0.0], self.mass.reshape(-1, ORDER).sum(1).cumsum()]).round(15)  # at the edges
        u = np.linspace(self.edges[0], self.edges[-1], 100_001)
        return float(np.exp(np.interp(level, PchipInterpolator(self.edges, below)(u), u)))


def spread_after(n: int, temperature: float, t: int) -> Spread:
    """Return the distribution of ln(sigma / sigma_0) after t fits, the first of which sets sigma_0.

    Of S the gamma distribution is taken that is shifted to its first three moments (Pearson III). Above 0 that is exact: n S is
    chi-squared with n - 1 degrees of freedom.

    Args:
        n: Samples of a generation, >= 30.
        temperature: Factor of the variance that is sampled, > 0.
        t: Fits, >= 2.
    """
    u, weight, edges = _nodes(1 / math.sqrt(2 * n))
    from_all = _density(u[:, None], u[None, :], n, temperature) * weight[:, None]
    from_all /= from_all.sum(0)
    mass = _density(u, np.zeros(1), n, temperature) * weight
    mass /= mass.sum()
    for _ in range(t - 2):
        mass = from_all @ mass
    return Spread(u, mass, edges)


def fixed_point(temperature: float) -> float:
    """Return sigma / sigma_0 at which anchored truncation undoes a bias for n without bound: T eta(c) = 1.

    Args:
        temperature: Factor of the variance that is sampled, in (0, 1).
    """
    c = float(brentq(lambda c: temperature * truncated_variance(c) - 1, 0, 20))
    return math.exp(-temperature * c**2 / 2)


def _density(after: Array, before: Array, n: int, temperature: float) -> Array:
    """Return the density of u after a fit, given u before it; the shapes are broadcast."""
    mean, variance, skewness = growth(before, n, temperature)
    shape = 4 / skewness**2
    scale = np.sqrt(variance / shape)
    s = np.exp(2 * (after - before)) / temperature
    return np.asarray(2 * s * gamma.pdf(s - mean + shape * scale, shape, scale=scale))


def _nodes(width: float) -> tuple[Array, Array, Array]:
    """Return nodes and weights of a quadrature over u, and the edges of its panels, of a width.

    Below 0 the panels are even in sqrt(-2 u), in which what is left out is smooth; in u it has a branch point at 0.
    """
    root, weight = np.polynomial.legendre.leggauss(ORDER)

    def panels(length: float) -> tuple[Array, Array, Array]:
        edges = np.linspace(0, length, math.ceil(length / width) + 1)
        half, middles = np.diff(edges)[:, None] / 2, (edges[:-1, None] + edges[1:, None]) / 2
        return (middles + half * root).ravel(), (half * weight).ravel(), edges

    a, below, ends = panels(math.sqrt(-2 * LOWEST))
    u, above, edges = panels(HIGHEST)
    return (
        np.concatenate([-(a**2)[::-1] / 2, u]),
        np.concatenate([(a * below)[::-1], above]),
        np.concatenate([-(ends**2)[:0:-1] / 2, edges]),
    )
