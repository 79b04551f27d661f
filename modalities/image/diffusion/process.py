"""The noising process, and what an error in predicting its noise says about likelihood and confidence.

n images, C colours, H x W pixels; L noise levels. r is what a prediction of noise is off by, and s^2 the mean of r^2 in its band
of noise levels: that of the chain's first model, so that it is the same for all of them (`DiffusionModel.scale`). alpha_bar is
the share of an image's variance that is left after a level; the rest of its variance is noise.
"""

import math
from collections.abc import Iterator

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor

from fortifai.randomness import stream

from .config import DiffusionConfig
from .network import BANDS, DiffusionModel, predict

EVALUATED_LEVELS = 5
"""Noise levels that likelihood and confidence are measured at: one for each fifth of all, in the middle of a band."""

LAST_ALPHA_BAR = 1e-4
"""What the cosine schedule leaves of an image after the last level; the linear one leaves 4e-5.

The cosine of diffusers leaves 2e-9. There DDIM divides rounding errors by 5e-5, and with ``eta`` 1 takes the root of one, which
may be negative: samples that are not a number, from a model that is sound.
"""


def noising_process(config: DiffusionConfig) -> DDIMScheduler:
    """Return the noising process, which is that of DDPM, and the way back, by DDIM."""
    fraction = torch.linspace(0, 1, config.noise_levels + 1, dtype=torch.float64)
    alpha_bar = {"cosine": _cosine, "linear": _linear}[config.schedule](fraction)
    process: DDIMScheduler = DDIMScheduler(
        num_train_timesteps=config.noise_levels,
        trained_betas=(1 - alpha_bar[1:] / alpha_bar[:-1]).tolist(),
        timestep_spacing="trailing",  # begins at the last level, that of pure noise, as what is drawn is (Lin et al., 2024)
    )
    return process


def add_noise(process: DDIMScheduler, x: Tensor, noise: Tensor, levels: Tensor) -> Tensor:
    """Scale images to [-1, 1] and noise them.

    Args:
        process: The noising process.
        x: Images, float32 (n, C, H, W) in [0, 1]; what is returned has this shape.
        noise: Standard normal, the same shape.
        levels: int64 in 0 ... L - 1: one for all images, (), or one each, (n,).
    """
    return process.add_noise(2 * x - 1, noise, levels)  # type: ignore[arg-type]  # annotated as 32 bits, takes any integers


def band_of(levels: Tensor, config: DiffusionConfig) -> Tensor:
    """Return the band of each noise level, int64 in 0 ... BANDS - 1, the shape of ``levels``."""
    return levels * BANDS // config.noise_levels


def confidence(error: Tensor, mean_square: Tensor) -> Tensor:
    """Return the confidence in the noise of every pixel, in [0, 1]: exp(-r^2 / 2 s^2), a Gaussian's density over its mode's.

    Args:
        error: r^2, the squared difference of predicted and true noise, (n, C, H, W); so is what is returned.
        mean_square: s^2, > 0, of any shape that broadcasts with it.
    """
    return torch.exp(-error / (2 * mean_square))


def nll(error: Tensor, mean_square: Tensor) -> Tensor:
    """Return the negative log density of the noise of every pixel, in nats: r^2 / 2 s^2 + log s + log(2 pi) / 2.

    Args:
        error: r^2, the squared difference of predicted and true noise, (n, C, H, W); so is what is returned.
        mean_square: s^2, > 0, of any shape that broadcasts with it.
    """
    return error / (2 * mean_square) + (mean_square.log() + math.log(2 * math.pi)) / 2


@torch.no_grad()
def squared_errors(
    model: DiffusionModel, x: Tensor, config: DiffusionConfig, precision: torch.dtype
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield r^2, (n, C, H, W), and s^2, (), at each of the levels that are evaluated.

    All images get the same noise, one draw a level, that never changes: an image's numbers depend on it and the model alone.

    Args:
        model: Its network on the device of the images.
        x: Images, float32 (n, C, H, W) in [0, 1].
        config: Whose noising process the model was trained with.
        precision: The type that products are computed in.
    """
    process = noising_process(config)
    for i in range(EVALUATED_LEVELS):
        band = (2 * i + 1) * BANDS // (2 * EVALUATED_LEVELS)
        level = torch.tensor((2 * band + 1) * config.noise_levels // (2 * BANDS))
        noise = torch.randn(x.shape[1:], generator=stream("diffusion", "evaluation", i)).to(x.device).expand_as(x)
        predicted = predict(model.network, add_noise(process, x, noise, level), level.to(x.device), precision)
        yield (predicted - noise).square(), model.scale()[band].to(x.device)


def _cosine(fraction: Tensor) -> Tensor:
    """Return alpha_bar after this fraction of the levels (Nichol and Dhariwal, 2021, eq. 17), the shape of ``fraction``."""
    return LAST_ALPHA_BAR + (1 - LAST_ALPHA_BAR) * torch.cos((fraction + 0.008) / 1.008 * math.pi / 2).square()


def _linear(fraction: Tensor) -> Tensor:
    """Return the same for DDPM's noise, which grows linearly: from 1e-4 to 0.02 a level, where there are 1,000."""
    return torch.exp(-(0.1 * fraction + (20 - 0.1) / 2 * fraction.square()))
