"""What the tests of autoencoders share: tiny ones of the 8 x 8 digits."""

from typing import Any

import torch

from fortifai import objectives
from fortifai.contract.declaration import modalities
from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.vae.adapter import VAEAdapter
from fortifai.modalities.image.vae.config import VAEConfig
from fortifai.modalities.image.vae.network import VAE
from fortifai.randomness import stream

TINY: dict[str, Any] = {"channels": 4, "latent": 3, "epochs": 2, "device": "cpu"}
DIGITS = ImageData(source="digits")
UNITS = ("pixel", "sample")
OBJECTIVES = (
    "ce",
    "tce:gamma=0.7",
    "tce:gamma=0.6,unit=sample",
    "tce:gamma=0.9,scale=relative",
    "tce-quantile:keep=0.8,unit=sample",
    "tce-adaptive",
    "focal",
    "focal:unit=sample",
)


def adapter_of(binary: bool = False, **settings: Any) -> VAEAdapter:
    """A tiny one of the digits, but for these settings."""
    return VAEAdapter(VAEConfig(**TINY | settings), DIGITS.model_copy(update={"binary": binary}))


def objective(name: str) -> objectives.Objective:
    return objectives.resolve_for(name, modalities.get("image-vae").elements)


def fit(adapter: VAEAdapter, name: str = "ce", init: VAE | None = None, n: int = 200) -> VAE:
    return adapter.fit(adapter.splits.train.take(slice(n)), objective(name), init, stream("fit")).model


def weights(model: VAE) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
