"""A small DCGAN (Radford et al., 2016), the heads of its judges, and how they are kept.

N images, C colours, S pixels a side, Z latent dimensions, F features of a judge.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

MODEL_FILE, SHAPE = "gan.safetensors", "shape"

HEAD = 64
"""Units between a judge's features and its score."""

SLOPE = 0.2
"""Of what is below 0, in discriminators."""


@dataclass(frozen=True)
class Shape:
    """The sizes of the layers: colours, pixels of a side (a multiple of 4), channels, and latent dimensions."""

    colours: int
    side: int
    channels: int
    latent: int


@dataclass
class GAN:
    """A generator with its discriminator, and a head for each judge that has joined.

    Attributes:
        shape: Of the layers.
        generator: Images in [0, 1], (N, C, S, S), of latents, (N, Z). It is the running average of those that were trained.
        discriminator: A score of each image, (N,), of images, (N, C, S, S) in [0, 1].
        heads: A score, (N,), of a judge's features, (N, F), by its name, in the order in which they joined.
    """

    shape: Shape
    generator: nn.Module
    discriminator: nn.Module
    heads: nn.ModuleDict = field(default_factory=nn.ModuleDict)

    def modules(self) -> nn.ModuleDict:
        """Return all of it as one module, which shares its weights."""
        return nn.ModuleDict({"generator": self.generator, "discriminator": self.discriminator, "heads": self.heads})


class _Range(nn.Module):
    """Maps [0, 1] to [-1, 1], what networks see."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x - 1


def initial(shape: Shape) -> GAN:
    """Return networks whose first weights are drawn from torch's own generator; no judge has joined.

    The DCGAN's: strided convolutions, batch normalisation in the generator, leaky rectifiers in the discriminator. That has no
    normalisation, so that its score of an image depends on no other image.
    """
    few, many, inner = shape.channels, 2 * shape.channels, shape.side // 4
    generator = nn.Sequential(
        nn.Linear(shape.latent, many * inner**2), nn.Unflatten(1, (many, inner, inner)), nn.BatchNorm2d(many), nn.ReLU(),
        nn.ConvTranspose2d(many, few, 4, 2, 1, bias=False), nn.BatchNorm2d(few), nn.ReLU(),
        nn.ConvTranspose2d(few, shape.colours, 4, 2, 1), nn.Sigmoid(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        _Range(),
        nn.Conv2d(shape.colours, few, 4, 2, 1), nn.LeakyReLU(SLOPE),
        nn.Conv2d(few, many, 4, 2, 1), nn.LeakyReLU(SLOPE),
        nn.Flatten(), nn.Linear(many * inner**2, 1), nn.Flatten(0),
    )  # fmt: skip
    return GAN(shape, generator, discriminator)


def head(features: int) -> nn.Module:
    """Return a judge's trained part, for F features: its first weights are drawn from torch's own generator."""
    return nn.Sequential(
        nn.LayerNorm(features, elementwise_affine=False), nn.Linear(features, HEAD), nn.LeakyReLU(SLOPE), nn.Linear(HEAD, 1),
        nn.Flatten(0),
    )  # fmt: skip


def save(model: GAN, folder: Path) -> None:
    """Write all weights, and beside them in the same file the sizes of the layers and of the heads."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.modules().state_dict().items()}
    heads = [[name, part[1].in_features] for name, part in model.heads.items()]  # type: ignore[index]  # as of `head`
    # As one entry: safetensors writes several in an order that changes from process to process.
    save_file(weights, folder / MODEL_FILE, metadata={SHAPE: json.dumps([vars(model.shape), heads])})


def load(folder: Path) -> GAN:
    """Return the model that `save` wrote, equal to the last bit."""
    with safe_open(folder / MODEL_FILE, framework="pt") as file:
        shape, heads = json.loads(file.metadata()[SHAPE])
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    with torch.device("meta"):  # draws nothing for weights that are replaced at once
        model = initial(Shape(**shape))
        model.heads.update({name: head(features) for name, features in heads})
    model.modules().load_state_dict(weights, assign=True)
    model.modules().eval()
    return model
