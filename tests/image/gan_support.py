"""What the tests of adversarial networks share: tiny ones of the 8 x 8 digits, and judges that see a chosen thing."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fortifai import objectives
from fortifai.contract.declaration import modalities
from fortifai.contract.modality import Fit
from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.gan.adapter import GANAdapter
from fortifai.modalities.image.gan.config import GANConfig
from fortifai.modalities.image.gan.network import GAN
from fortifai.randomness import stream

TINY: dict[str, Any] = {"channels": 4, "latent": 4, "steps": 6, "batch": 16, "device": "cpu"}
DIGITS = ImageData(source="digits")


@dataclass
class Pixels:
    """A judge that sees some pixels of an image, each by a weight of its own."""

    name: str
    chosen: slice
    dimensions: int
    weight: nn.Parameter

    def embed(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, self.chosen] * self.weight

    def features(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.embed(x).double()


def pixels(name: str, begin: int, end: int) -> Pixels:
    return Pixels(name, slice(begin, end), end - begin, nn.Parameter(torch.ones(end - begin), requires_grad=False))


def adapter_of(**settings: Any) -> GANAdapter:
    """A tiny one of the digits, but for these settings."""
    return GANAdapter(GANConfig(**TINY | settings), DIGITS)


def objective(name: str) -> objectives.Objective:
    return objectives.resolve_for(name, modalities.get("image-gan").elements)


def fit(adapter: GANAdapter, name: str = "ce", init: GAN | None = None, n: int = 64) -> Fit[GAN]:
    return adapter.fit(adapter.splits.train.take(slice(n)), objective(name), init, stream("fit"))


def weights(module: nn.Module) -> Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in module.state_dict().values()])
