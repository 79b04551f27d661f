"""A diffusion model: the network that predicts noise, and by how much it errs. How it is built, called, saved and loaded.

n images, C colours, H x W pixels.
"""

import json
import math
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .config import DiffusionConfig

BANDS = 20
"""Bands of neighbouring noise levels, in each of which the squared error has a running mean of its own."""

CHANNELS_A_GROUP = 4
"""Channels that are normalised together, as in DDPM (32 groups of 128). One alone would forget how bright an image is."""

MODEL_FILE, ARGUMENTS_FILE = "diffusion.safetensors", "network.json"
MEAN_SQUARES, REFERENCE = "mean_squares", "reference"


@dataclass(frozen=True)
class DiffusionModel:
    """A network that predicts noise, and how far off its predictions are.

    Attributes:
        network: Its weights are the running average (EMA) of those that were trained.
        mean_squares: The running mean of its squared error in each band of noise levels, float32 (BANDS,).
        reference: What that was at the end of the chain's first fit, and stays in every model that is trained on from there: the
            scale of confidence. None: the model is untrained.
    """

    network: UNet2DModel
    mean_squares: Tensor
    reference: Tensor | None = None

    def scale(self, *, relative: bool = False) -> Tensor:
        """Return s^2 of each band, (BANDS,), by which errors are measured: the reference, or the model's own mean squares.

        Args:
            relative: Whether the model's own are wanted; until there is a reference, they are it.
        """
        return self.mean_squares if relative or self.reference is None else self.reference


def network_arguments(config: DiffusionConfig, images: Tensor) -> dict[str, Any]:
    """Return the arguments of the network for images of this shape, (n, C, H, W)."""
    halvings = len(config.channels) - 1
    attentive = "Attn" if config.attention else ""
    return {
        "sample_size": images.shape[-1],
        "in_channels": images.shape[1],
        "out_channels": images.shape[1],
        "block_out_channels": list(config.channels),
        "layers_per_block": config.layers_per_block,
        "down_block_types": ["DownBlock2D"] * halvings + [f"{attentive}DownBlock2D"],
        "up_block_types": [f"{attentive}UpBlock2D"] + ["UpBlock2D"] * halvings,
        "add_attention": config.attention,
        "attention_head_dim": None,  # one head, whatever the channels
        "norm_num_groups": max(1, math.gcd(*config.channels, 32 * CHANNELS_A_GROUP) // CHANNELS_A_GROUP),
    }


def initial_model(config: DiffusionConfig, images: Tensor, seed: int) -> DiffusionModel:
    """Return the model that a first fit starts from, with mean squared errors of 1, which are those of predicting no noise.

    Args:
        config: The network.
        images: Images of the shape that it is for, (n, C, H, W).
        seed: Of its weights.
    """
    with torch.random.fork_rng(devices=[]):  # layers draw their first weights from torch's own generator
        torch.manual_seed(seed)
        return DiffusionModel(UNet2DModel(**network_arguments(config, images)), torch.ones(BANDS))


def parameter_count(config: DiffusionConfig, images: Tensor) -> int:
    """Return the number of a network's parameters, without making them, for images of this shape, (n, C, H, W)."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in UNet2DModel(**network_arguments(config, images)).parameters())


def predict(network: UNet2DModel, noisy: Tensor, levels: Tensor, precision: torch.dtype) -> Tensor:
    """Return the noise that a network sees in images.

    Args:
        network: On the device of the images.
        noisy: Images scaled to [-1, 1] and noised, float32 (n, C, H, W); so is what is returned.
        levels: Their noise level, int64 in 0 ... noise_levels - 1: one for all, (), or one each, (n,).
        precision: The type that products are computed in.
    """
    with _products_in(precision, noisy.device):
        predicted: Tensor = network(noisy, levels, return_dict=False)[0]
    return predicted.float()


class GuidedNetwork(nn.Module):
    """Two networks as one, guided away from the second; called as a `UNet2DModel` is."""

    def __init__(self, network: UNet2DModel, away_from: UNet2DModel, scale: float) -> None:
        super().__init__()
        self.network, self.away_from, self.scale = network, away_from, scale

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.network.device

    def forward(self, noisy: Tensor, levels: Tensor, return_dict: bool = False) -> tuple[Tensor]:
        """Return the noise in images, (n, C, H, W); arguments as of `predict`."""
        toward, away = (each(noisy, levels, return_dict=False)[0] for each in (self.network, self.away_from))
        return ((1 + self.scale) * toward - self.scale * away,)


def guided(model: DiffusionModel, away_from: DiffusionModel, scale: float) -> DiffusionModel:
    """Return a model to draw from, guided away from another: see `Modality.guided`."""
    # Copies, since a model is moved to a device and back while it is drawn from.
    both = GuidedNetwork(deepcopy(model.network), deepcopy(away_from.network), scale)
    return replace(model, network=cast(UNet2DModel, both))  # all that is asked of it is its device and a call


def save(model: DiffusionModel, folder: Path) -> None:
    """Write the weights with the mean squares as safetensors, and the network's arguments as JSON."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.network.state_dict().items()}
    errors = {MEAN_SQUARES: model.mean_squares} | ({} if model.reference is None else {REFERENCE: model.reference})
    save_file({**tensors, **errors}, folder / MODEL_FILE)
    (folder / ARGUMENTS_FILE).write_text(json.dumps({**model.network.config}))


def load(folder: Path) -> DiffusionModel:
    """Return the model that `save` wrote, equal to the last bit."""
    tensors = load_file(folder / MODEL_FILE)
    mean_squares, reference = tensors.pop(MEAN_SQUARES), tensors.pop(REFERENCE, None)
    with torch.device("meta"):  # draws nothing, and takes no memory, for weights that are replaced at once
        network = UNet2DModel(**json.loads((folder / ARGUMENTS_FILE).read_text()))
    network.load_state_dict(tensors, assign=True)
    return DiffusionModel(network, mean_squares, reference)


def _products_in(precision: torch.dtype, device: torch.device) -> AbstractContextManager[object]:
    return nullcontext() if precision is torch.float32 else torch.autocast(device.type, precision)
