"""The noising process, and what an error in predicting its noise says about likelihood and confidence.

n images, C colours, H x W pixels; L noise levels.
"""

import math
from collections.abc import Callable, Iterator

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor

from fortifai.randomness import stream

from .config import DiffusionConfig
from .network import BANDS, DiffusionModel, predict

EVALUATED = 5
"""Noise levels that likelihood and confidence are measured at: one for each fifth of all, in the middle of a band."""

LEFT = 1e-4
"""Share of an image's variance that the last level of the cosine schedule leaves; that of the linear one leaves 4e-5.

The cosine of diffusers leaves 2e-9. There DDIM divides rounding errors by 5e-5, and with ``eta`` 1 takes the root of one, which
may be negative: samples that are not a number, from a model that is sound.
"""

Measure = Callable[[Tensor, Tensor], Tensor]
"""What is made of r^2 and s^2: `nll` or `confidence`."""


def process_of(config: DiffusionConfig) -> DDIMScheduler:
    """Give the noising process, which is that of DDPM, and the way back, by DDIM."""
    part = torch.linspace(0, 1, config.noise_levels + 1, dtype=torch.float64)
    left = {"cosine": _cosine, "linear": _linear}[config.schedule](part)
    process: DDIMScheduler = DDIMScheduler(
        num_train_timesteps=config.noise_levels,
        trained_betas=(1 - left[1:] / left[:-1]).tolist(),
        timestep_spacing="trailing",  # begins at the last level, that of pure noise, as what is drawn is (Lin et al., 2024)
    )
    return process


def noised(process: DDIMScheduler, x: Tensor, noise: Tensor, levels: Tensor) -> Tensor:
    """Give images in [0, 1], scaled to [-1, 1] and noised to one level or to one each, (n, C, H, W)."""
    return process.add_noise(2 * x - 1, noise, levels)  # type: ignore[arg-type]  # says 32 bits, takes any integers


def band_of(levels: Tensor, config: DiffusionConfig) -> Tensor:
    """Give the band of each noise level, int64 in 0 ... BANDS - 1."""
    return levels * BANDS // config.noise_levels


def confidence(error: Tensor, mean_square: Tensor) -> Tensor:
    """Confidence in every pixel's noise, in [0, 1]: exp(-r^2 / 2 s^2), a Gaussian's density relative to its mode.

    ``error``: r^2, the squared difference of predicted and true noise, (n, C, H, W). ``mean_square``: s^2, of any shape that
    goes with it.
    """
    return torch.exp(-error / (2 * mean_square))


def nll(error: Tensor, mean_square: Tensor) -> Tensor:
    """Negative log density of every pixel's noise, in nats: r^2 / 2 s^2 + log s + log(2 pi) / 2; arguments as `confidence`."""
    return error / (2 * mean_square) + (mean_square.log() + math.log(2 * math.pi)) / 2


@torch.no_grad()
def errors(model: DiffusionModel, x: Tensor, config: DiffusionConfig, precision: torch.dtype) -> Iterator[tuple[Tensor, Tensor]]:
    """Give r^2, (n, C, H, W), and s^2, a scalar, of images in [0, 1] at each of the levels that are evaluated.

    All images get the same noise, one draw a level, that never changes: an image's numbers depend on it and the model alone.
    """
    process = process_of(config)
    for i in range(EVALUATED):
        band = (2 * i + 1) * BANDS // (2 * EVALUATED)
        level = torch.tensor((2 * band + 1) * config.noise_levels // (2 * BANDS))
        noise = torch.randn(x.shape[1:], generator=stream("diffusion", "evaluation", i)).to(x.device).expand_as(x)
        predicted = predict(model.network, noised(process, x, noise, level), level.to(x.device), precision)
        yield (predicted - noise).square(), model.mean_squares[band].to(x.device)


def _cosine(part: Tensor) -> Tensor:
    """Give the share of an image's variance that is left after this part of the levels (Nichol and Dhariwal, 2021, eq. 17)."""
    return LEFT + (1 - LEFT) * torch.cos((part + 0.008) / 1.008 * math.pi / 2).square()


def _linear(part: Tensor) -> Tensor:
    """Give the same for DDPM's noise, which grows linearly: from 1e-4 to 0.02 a level, where there are 1,000."""
    return torch.exp(-(0.1 * part + (20 - 0.1) / 2 * part.square()))
