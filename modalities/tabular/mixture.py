"""A mixture of Gaussians with full covariances: density, sampling.

Suffixes in shapes: n samples, D columns, K components; everything is float64.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fortifai.errors import Diverged


@dataclass(frozen=True)
class GaussianMixture:
    """A mixture of K Gaussians.

    Attributes:
        weights: (K,), which sum to 1.
        means: (K, D).
        covariances: (K, D, D).
    """

    weights: Tensor
    means: Tensor
    covariances: Tensor

    def to(self, device: torch.device) -> "GaussianMixture":
        """Return the same mixture on another device."""
        return GaussianMixture(self.weights.to(device), self.means.to(device), self.covariances.to(device))

    def factors(self) -> Tensor:
        """Return the lower Cholesky factors of the covariances, (K, D, D).

        Raises:
            Diverged: A parameter is not finite, or a covariance is no longer positive definite.
        """
        for name, value in (("weights", self.weights), ("means", self.means), ("covariances", self.covariances)):
            if not bool(torch.isfinite(value).all()):
                raise Diverged(f"the mixture's {name} are not finite")
        factors: Tensor
        factors, failed = torch.linalg.cholesky_ex(self.covariances)
        if bool(failed.any()):
            raise Diverged(f"the covariance of component {int(failed.nonzero()[0])} is no longer positive definite")
        return factors

    def log_modes(self) -> Tensor:
        """Return the log density of every component at its own mean, (K,).

        Raises:
            Diverged: As of `factors`.
        """
        columns = self.means.shape[1]
        return -self.factors().diagonal(dim1=-2, dim2=-1).log().sum(-1) - 0.5 * columns * math.log(2 * math.pi)

    def log_joint(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return log(weight * density) and the squared Mahalanobis distance of every sample to every component, (n, K) each.

        Args:
            x: (n, D).

        Raises:
            Diverged: As of `factors`.
        """
        factors = self.factors()
        identity = torch.eye(x.shape[1], dtype=x.dtype, device=x.device).expand_as(factors)
        whitening = torch.linalg.solve_triangular(factors, identity, upper=False).mT  # (K, D, D): x @ it is white
        white = x @ whitening - (self.means.unsqueeze(1) @ whitening)  # (K, n, D)
        squared = white.square().sum(-1).T
        log_scale = whitening.diagonal(dim1=-2, dim2=-1).log().sum(-1) - 0.5 * x.shape[1] * math.log(2 * math.pi)
        return self.weights.log() + log_scale - 0.5 * squared, squared

    def draw(self, n: int, temperature: float, rng: torch.Generator) -> Tensor:
        """Draw samples, (n, D).

        Args:
            n: How many.
            temperature: Factor of every covariance, > 0.
            rng: The source of the random numbers; it must be on the model's device.
        """
        component = torch.multinomial(self.weights, n, replacement=True, generator=rng)
        noise = torch.randn(n, self.means.shape[1], dtype=self.means.dtype, generator=rng)
        step = (self.factors()[component] @ noise.unsqueeze(-1)).squeeze(-1)
        return self.means[component] + math.sqrt(temperature) * step


def combined(mixtures: Sequence[GaussianMixture], weights: Sequence[float]) -> GaussianMixture:
    """Return the mixture of weighted sums: of means, of log weights, and of matrix logarithms of covariances.

    Args:
        mixtures: Of equally many components, in the same order.
        weights: One for each mixture; some may be negative.

    Raises:
        Diverged: A parameter is not finite.
    """

    def total(parameters: Iterable[Tensor]) -> Tensor:
        return torch.stack([weight * parameter for weight, parameter in zip(weights, parameters, strict=True)]).sum(0)

    result = GaussianMixture(
        total(mixture.weights.log() for mixture in mixtures).softmax(0),
        total(mixture.means for mixture in mixtures),
        _of_eigenvalues(total(_of_eigenvalues(mixture.covariances, torch.log) for mixture in mixtures), torch.exp),
    )
    result.factors()  # raises Diverged for what is not finite
    return result


def _of_eigenvalues(matrices: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Return symmetric matrices, (K, D, D), with a function of their eigenvalues in place of them.

    Raises:
        Diverged: They are so far apart in scale, or no numbers, that they have no eigenvalues to working precision.
    """
    try:
        values, vectors = torch.linalg.eigh(matrices)
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]  # it is documented, and missing from the stub
        raise Diverged("a covariance has no eigenvalues to working precision") from None
    result: Tensor = (vectors * function(values)[:, None, :]) @ vectors.mT
    return result
