"""Latents, and the truncation trick by which a generator is read out more sharply."""

import math
from functools import cache

import torch
from scipy.optimize import brentq
from torch import Tensor

LEAST_VARIANCE = 1e-6
"""Of a truncated normal whose threshold is looked for: below it is a uniform between two thresholds, to rounding."""


@cache
def threshold(variance: float) -> float:
    """Return the t at which a standard normal truncated to [-t, t] has a variance below 1: 1 - 2 t phi(t) / (2 Phi(t) - 1)."""
    if variance <= LEAST_VARIANCE:
        return math.sqrt(3 * variance)

    def excess(t: float) -> float:
        density = math.exp(-t * t / 2) / math.sqrt(2 * math.pi)
        return 1 - 2 * t * density / math.erf(t / math.sqrt(2)) - variance

    return float(brentq(excess, 1e-4, 12.0))


def draw(count: int, latent: int, temperature: float, rng: torch.Generator) -> Tensor:
    """Return latents, float32 (count, latent), of mean 0 and with the temperature as variance.

    Below 1 they are drawn from a standard normal truncated to [-t, t], the truncation trick of Brock et al. (2019), with t such
    that their variance is the temperature: 0.7 is t = 1.81, 0.5 is t = 1.40. From 1 on it multiplies the variance.

    Args:
        count: How many.
        latent: Dimensions.
        temperature: Above 0.
        rng: Takes one number a coordinate.
    """
    uniform = 2 * torch.rand(count, latent, generator=rng, dtype=torch.float64) - 1
    within = math.erf(threshold(temperature) / math.sqrt(2)) if temperature < 1 else 1.0
    normal = math.sqrt(2) * torch.erfinv((within * uniform).clamp(-1 + 1e-15, 1 - 1e-15))
    scaled: Tensor = normal * max(temperature, 1.0) ** 0.5
    return scaled.float()
