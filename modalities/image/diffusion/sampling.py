"""From noise to images, by DDIM."""

from collections.abc import Sequence

import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from torch import Tensor

from fortifai.errors import Diverged

from .config import DiffusionConfig, DiffusionSampling
from .network import predict
from .process import noising_process


@torch.no_grad()
def draw(
    network: UNet2DModel,
    shape: Sequence[int],
    sampling: DiffusionSampling,
    config: DiffusionConfig,
    precision: torch.dtype,
    rng: torch.Generator,
) -> Tensor:
    """Draw images. Noise is drawn for all of them at once, so that how many are denoised at a time changes nothing.

    Args:
        network: On the device that it is to run on.
        shape: Of the images: n, C, H, W.
        sampling: Steps, eta and temperature.
        config: Whose noising process the network was trained with.
        precision: The type that products are computed in.
        rng: The source of all noise.

    Returns:
        Float32 (n, C, H, W) in [0, 1], on the CPU.

    Raises:
        UserError: The steps do not divide the noise levels.
        Diverged: The images are not finite.
    """
    sampling.require(config)
    process, device, scale = noising_process(config), network.device, sampling.temperature**0.5
    process.set_timesteps(sampling.steps)
    x = scale * torch.randn(*shape, generator=rng).to(device)
    for level in process.timesteps:
        parts = x.split(config.evaluation_batch)
        predicted = torch.cat([predict(network, part, level.to(device), precision) for part in parts])
        noise = scale * torch.randn(*shape, generator=rng).to(device) if sampling.eta > 0 else None
        x = process.step(predicted, int(level), x, eta=sampling.eta, variance_noise=noise, return_dict=False)[0]
    if not torch.isfinite(x).all():
        raise Diverged("the samples are not finite")
    images: Tensor = ((x + 1) / 2).clamp(0, 1).cpu()
    return images
