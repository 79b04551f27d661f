"""What the tests of diffusion models share: tiny ones of the 8 x 8 digits."""

from typing import Any

import torch
from torch import Tensor

from fortifai import objectives
from fortifai.contract.modality import Fit
from fortifai.contract.samples import Samples
from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.diffusion.adapter import DiffusionAdapter
from fortifai.modalities.image.diffusion.config import DiffusionConfig, DiffusionSampling
from fortifai.modalities.image.diffusion.network import DiffusionModel
from fortifai.randomness import stream

SMALL: dict[str, Any] = {"channels": (8, 16), "batch": 32, "steps": 6, "device": "cpu"}
FEW_STEPS = DiffusionSampling(steps=5)


def adapter_of(**settings: Any) -> DiffusionAdapter:
    """A small one of the digits, but for these settings."""
    return DiffusionAdapter(DiffusionConfig(**SMALL | settings), ImageData(source="digits"))


def fit(
    adapter: DiffusionAdapter,
    objective: str = "ce",
    init: DiffusionModel | None = None,
    samples: Samples | None = None,
    seed: int = 0,
) -> Fit[DiffusionModel]:
    """Fit to 64 digits, unless others are named."""
    training = adapter.splits.train.take(slice(64)) if samples is None else samples
    return adapter.fit(training, objectives.resolve(objective), init, stream(seed, "fit"))


def weights(model: DiffusionModel) -> Tensor:
    """The parameters of its network, one after the other."""
    return torch.cat([p.detach().reshape(-1) for p in model.network.parameters()])
