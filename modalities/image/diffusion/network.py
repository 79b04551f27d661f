"""A diffusion model: the network that predicts noise, and by how much it errs. Built, moved, saved and read back."""

import json
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .config import DiffusionConfig

BANDS = 20
"""Bands of neighbouring noise levels, in each of which the squared error has a running mean of its own."""

CHANNELS_A_GROUP = 4
"""Channels that are normalised together, as in DDPM (32 groups of 128). One alone would forget how bright an image is."""

MODEL_FILE, SETTINGS_FILE, SQUARES = "diffusion.safetensors", "network.json", "mean_squares"


@dataclass(frozen=True)
class DiffusionModel:
    """A network that predicts noise, and the running mean of its squared error in each band of noise levels, float32 (BANDS,).

    The network's weights are the running average (EMA) of those that were trained.
    """

    network: UNet2DModel
    mean_squares: Tensor


def settings(config: DiffusionConfig, images: Tensor) -> dict[str, Any]:
    """Give the arguments of the network for images of this shape, (n, C, H, W)."""
    deep = len(config.channels) - 1
    attentive = "Attn" if config.attention else ""
    return {
        "sample_size": images.shape[-1],
        "in_channels": images.shape[1],
        "out_channels": images.shape[1],
        "block_out_channels": list(config.channels),
        "layers_per_block": config.layers_per_block,
        "down_block_types": ["DownBlock2D"] * deep + [f"{attentive}DownBlock2D"],
        "up_block_types": [f"{attentive}UpBlock2D"] + ["UpBlock2D"] * deep,
        "add_attention": config.attention,
        "attention_head_dim": None,  # one head, whatever the channels
        "norm_num_groups": max(1, math.gcd(*config.channels, 32 * CHANNELS_A_GROUP) // CHANNELS_A_GROUP),
    }


def begin(config: DiffusionConfig, images: Tensor, seed: int) -> DiffusionModel:
    """Give the model that a first fit starts from: weights drawn from ``seed``, and the error of a prediction of nothing, 1."""
    with torch.random.fork_rng(devices=[]):  # layers draw their first weights from torch's own generator
        torch.manual_seed(seed)
        return DiffusionModel(UNet2DModel(**settings(config, images)), torch.ones(BANDS))


def parameters(config: DiffusionConfig, images: Tensor) -> int:
    """Count the parameters of a network without making them."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in UNet2DModel(**settings(config, images)).parameters())


@contextmanager
def on(device: torch.device, network: nn.Module) -> Iterator[None]:
    """Have a network on a device for a while; it is kept on the CPU between calls."""
    network.to(device)
    try:
        yield
    finally:
        network.cpu()


def predict(network: UNet2DModel, noisy: Tensor, levels: Tensor, precision: torch.dtype) -> Tensor:
    """Give the noise that a network sees in images, float32 (n, C, H, W), at one noise level or at one for each."""
    with _products(noisy.device, precision):
        predicted: Tensor = network(noisy, levels, return_dict=False)[0]
    return predicted.float()


def precision_of(config: DiffusionConfig, device: torch.device) -> torch.dtype:
    """Give the type that products are computed in: the one asked for; by default bfloat16 on a GPU that has it."""
    if config.precision != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[config.precision]
    able = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.bfloat16 if able else torch.float32


def save(model: DiffusionModel, folder: Path) -> None:
    """Write the weights with the mean squares as safetensors, and the network's arguments as JSON."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.network.state_dict().items()}
    save_file({**tensors, SQUARES: model.mean_squares}, folder / MODEL_FILE)
    (folder / SETTINGS_FILE).write_text(json.dumps({**model.network.config}))


def load(folder: Path) -> DiffusionModel:
    """Read what `save` wrote, to the last bit."""
    tensors = load_file(folder / MODEL_FILE)
    mean_squares = tensors.pop(SQUARES)
    with torch.device("meta"):  # draws nothing, and takes no memory, for weights that are replaced at once
        network = UNet2DModel(**json.loads((folder / SETTINGS_FILE).read_text()))
    network.load_state_dict(tensors, assign=True)
    return DiffusionModel(network, mean_squares)


def _products(device: torch.device, precision: torch.dtype) -> AbstractContextManager[object]:
    return nullcontext() if precision is torch.float32 else torch.autocast(device.type, precision)
