"""Mixtures of many chains at once: their densities, and their draws.

A Gaussian's log density is linear in the F = (D + 1)(D + 2) / 2 monomials of a row: products of two columns, the columns, and 1.

Suffixes in shapes: n samples, C chains, D columns, K components, F monomials; everything is float64.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from fortifai.errors import Diverged

from .mixture import GaussianMixture


@dataclass(frozen=True)
class Mixtures:
    """C mixtures of K Gaussians each.

    Attributes:
        weights: (C, K), rows of which sum to 1.
        means: (C, K, D).
        covariances: (C, K, D, D).
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor

    @classmethod
    def stack(cls, mixtures: Sequence[GaussianMixture]) -> "Mixtures":
        """Return mixtures of one shape, one for each chain, as one."""
        return cls(*(torch.stack([getattr(m, name) for m in mixtures]) for name in ("weights", "means", "covariances")))

    def chain(self, c: int) -> GaussianMixture:
        """Return the mixture of one chain."""
        return GaussianMixture(self.weights[c], self.means[c], self.covariances[c])

    def take(self, chains: Tensor) -> "Mixtures":
        """Return the mixtures of some chains, by int64 or bool (C,)."""
        return Mixtures(self.weights[chains], self.means[chains], self.covariances[chains])

    def factors(self) -> Tensor:
        """Return the lower Cholesky factors of the covariances, (C, K, D, D).

        Raises:
            Diverged: A parameter is not finite, or a covariance is no longer positive definite; names the first such chain.
        """
        factors, failed = torch.linalg.cholesky_ex(self.covariances)
        wrong = (failed != 0).any(1)
        for parameter in (self.weights, self.means, self.covariances):
            wrong |= ~torch.isfinite(parameter.flatten(1).sum(1))
        if bool(wrong.any()):
            raise Diverged(f"chain {int(wrong.nonzero()[0])} of the batch left the finite numbers; run it alone to see when")
        result: Tensor = factors
        return result

    def log_modes(self) -> Tensor:
        """Return the log density of every component at its own mean, (C, K). Raises Diverged as `factors` does."""
        return -self.factors().diagonal(dim1=-2, dim2=-1).log().sum(-1) - 0.5 * self.means.shape[-1] * math.log(2 * math.pi)

    def coefficients(self) -> tuple[Tensor, Tensor]:
        """Return what every component's log density is made of; not finite where a mixture has left the finite numbers.

        Returns:
            The coefficients of -m^2 / 2, m the Mahalanobis distance, over `monomials`, (C, K, F), and `log_modes`, (C, K).
        """
        columns = self.means.shape[-1]
        factors, failed = torch.linalg.cholesky_ex(self.covariances)
        inverse = torch.linalg.solve_triangular(factors, identity(columns).expand_as(factors), upper=False)
        precision = inverse.mT @ inverse
        linear = (precision * self.means.unsqueeze(-2)).sum(-1)
        upper, halves = upper_triangle(columns)
        quadratic = precision.flatten(-2).index_select(-1, upper).mul_(halves)
        constant = -0.5 * (linear * self.means).sum(-1, keepdim=True)
        log_modes = inverse.diagonal(dim1=-2, dim2=-1).log().sum(-1) - 0.5 * columns * math.log(2 * math.pi)
        return torch.cat([quadratic, linear, constant], -1), log_modes.masked_fill_(failed != 0, math.nan)

    def draw(self, n: int, temperature: float, rng: torch.Generator) -> Tensor:
        """Draw samples of every chain, (n, C, D).

        Args:
            n: How many of each chain.
            temperature: Factor of every covariance, > 0.
            rng: The source of the random numbers.
        """
        component = components(self.weights, n, rng)
        step = noise((n, *self.means.shape[::2]), rng).transpose(0, 1)  # (C, n, D)
        chain = torch.arange(len(self.means)).unsqueeze(1)
        step = (self.factors()[chain, component] @ step.unsqueeze(-1)).squeeze(-1)
        return (self.means[chain, component] + math.sqrt(temperature) * step).transpose(0, 1).contiguous()


def components(weights: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """Draw the components of n samples of every chain, int64 (C, n), by their weights, (C, K)."""
    return torch.multinomial(weights, n, replacement=True, generator=rng)


def noise(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Draw standard normal numbers of a shape, float64, on a grid of single precision, which torch draws five times as fast."""
    return torch.randn(shape, generator=rng).double()


def monomials(x: Tensor) -> Tensor:
    """Return products of two columns, columns and 1 of samples (n, C, D): (C, F, n), so that sums over n run along memory."""
    columns = x.permute(1, 2, 0).contiguous()
    chains, width, n = columns.shape
    result = columns.new_ones(chains, (width + 1) * (width + 2) // 2, n)
    place = 0
    for left in range(width):
        right = place + width - left
        torch.mul(columns[:, left, None], columns[:, left:], out=result[:, place:right])
        place = right
    result[:, place:-1] = columns
    return result


@cache
def identity(columns: int) -> Tensor:
    """Return the identity matrix, float64 (D, D)."""
    return torch.eye(columns, dtype=torch.float64)


@cache
def upper_triangle(columns: int) -> tuple[Tensor, Tensor]:
    """Return where the products of two columns among `monomials` stand in a matrix (D, D) laid out flat, and their factors.

    Returns:
        Places, int64 (D (D + 1) / 2,), and -1/2 for a square and -1 for a product, which stands in the matrix twice, float64.
    """
    left, right = torch.triu_indices(columns, columns)
    return left * columns + right, torch.where(left == right, -0.5, -1.0).double()


@cache
def whole_matrix(columns: int) -> Tensor:
    """Return where among `monomials` the product of two columns stands, for a matrix of them laid out flat, int64 (D D,)."""
    left, right = torch.triu_indices(columns, columns)
    places = torch.empty(columns, columns, dtype=torch.int64)
    places[left, right] = places[right, left] = torch.arange(len(left))
    return places.flatten()
