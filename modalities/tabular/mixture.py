"""A mixture of Gaussians with full covariances: density, confidence, sampling.

n samples, D columns, K components; everything is float64.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fortifai.errors import Diverged


@dataclass(frozen=True)
class GaussianMixture:
    """``weights`` (K,) sum to 1, ``means`` (K, D), ``covariances`` (K, D, D)."""

    weights: Tensor
    means: Tensor
    covariances: Tensor

    def to(self, device: torch.device) -> "GaussianMixture":
        """Give the same mixture on another device."""
        return GaussianMixture(self.weights.to(device), self.means.to(device), self.covariances.to(device))

    def factors(self) -> Tensor:
        """Give the lower Cholesky factors of the covariances, (K, D, D). Raises Diverged where there is none."""
        for name, value in (("weights", self.weights), ("means", self.means), ("covariances", self.covariances)):
            if not bool(torch.isfinite(value).all()):
                raise Diverged(f"the mixture's {name} are not finite")
        factors: Tensor
        factors, failed = torch.linalg.cholesky_ex(self.covariances)
        if bool(failed.any()):
            raise Diverged(f"the covariance of component {int(failed.nonzero()[0])} is no longer positive definite")
        return factors

    def log_joint(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give log(weight * density) and the squared Mahalanobis distance of every sample to every component, (n, K) each."""
        factors = self.factors()
        identity = torch.eye(x.shape[1], dtype=x.dtype, device=x.device).expand_as(factors)
        whitening = torch.linalg.solve_triangular(factors, identity, upper=False).mT  # (K, D, D): x @ it is white
        white = x @ whitening - (self.means.unsqueeze(1) @ whitening)  # (K, n, D)
        squared = white.square().sum(-1).T
        log_scale = whitening.diagonal(dim1=-2, dim2=-1).log().sum(-1) - 0.5 * x.shape[1] * math.log(2 * math.pi)
        return self.weights.log() + log_scale - 0.5 * squared, squared

    def log_density(self, x: Tensor) -> Tensor:
        """Give log p(x) of every sample, (n,)."""
        return self.log_joint(x)[0].logsumexp(1)

    def confidence(self, x: Tensor) -> Tensor:
        """Give the mean over components, by responsibility, of exp(-m^2 / 2), m the Mahalanobis distance: (n,) in [0, 1]."""
        joint, squared = self.log_joint(x)
        return (joint.softmax(1) * torch.exp(-0.5 * squared)).sum(1).clamp(0, 1)

    def draw(self, n: int, temperature: float, rng: torch.Generator) -> Tensor:
        """Draw (n, D) with every covariance multiplied by ``temperature``; the model must be where ``rng`` is."""
        component = torch.multinomial(self.weights, n, replacement=True, generator=rng)
        noise = torch.randn(n, self.means.shape[1], dtype=self.means.dtype, generator=rng)
        step = (self.factors()[component] @ noise.unsqueeze(-1)).squeeze(-1)
        return self.means[component] + math.sqrt(temperature) * step
