"""What the analytic adapters share: a chain axis, and models that are a few tensors.

A batch is one chain whose samples carry a second axis: tensors (n, C, ...), where a chain alone has (n, ...). Real data is drawn
for every chain of the batch independently, and so is every sample. What the protocol and the strategies draw are positions along
the first axis; those the C chains share, which no law can tell, because the samples at them are independent between chains
and exchangeable within one. So thousands of chains advance through the protocol of one, and there is no second loop.

What a generation's record summarises (`nll`, `confidence`, metrics) is one chain: of a batch, the first.
"""

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from fortifai.contract.modality import Modality
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError
from fortifai.objectives import CrossEntropy, Focal, LeavingOut, Objective, TruncatedCrossEntropy
from fortifai.randomness import stream

from .config import AnalyticData

M = TypeVar("M")

MODEL_FILE = "model.safetensors"

ELEMENTWISE = (CrossEntropy, TruncatedCrossEntropy, Focal)
"""Objectives that weigh an element by its own confidence alone, so that a batch can be weighed as a whole."""


class AnalyticAdapter(Modality[M]):
    """An adapter of a model in closed form: every fit is exact, so there is neither initialisation nor validation."""

    model_class: ClassVar[type[Any]]
    """A dataclass of tensors, each of which ends in the chain axis where there is one."""

    least: ClassVar[int] = 2
    """The fewest samples that a fit is defined for."""

    @abstractmethod
    def draw(self, rows: int, chains: tuple[int, ...], rng: torch.Generator) -> dict[str, Tensor]:
        """Draw real data: tensors (rows, *chains, ...), independent in rows and chains."""

    def load(self, data: AnalyticData) -> Splits:
        """Draw the three splits from the true distribution, the same way every time."""
        chains = () if data.chains is None else (data.chains,)
        sizes = {"train": data.rows, "validation": data.held_out, "test": data.held_out}
        parts = [self.draw(rows, chains, stream("analytic", part, data.seed)) for part, rows in sizes.items()]
        return Splits(*(Samples.real(**part) for part in parts))

    def check(self, n: int, splits: Splits) -> None:
        """Refuse an n that no fit is defined for, or beyond the pool."""
        if n < self.least:
            raise UserError(f"n = {n} samples are too few: n must be at least {self.least}")
        if n > len(splits.train):
            raise UserError(f"n = {n} real samples are asked for, and the training pool has {len(splits.train)}: lower n")

    def save(self, model: M, folder: Path) -> None:
        """Write one safetensors file."""
        save_file({name: tensor.contiguous() for name, tensor in vars(model).items()}, folder / MODEL_FILE)

    def load_model(self, folder: Path) -> M:
        """Read it back."""
        model: M = self.model_class(**load_file(folder / MODEL_FILE))
        return model

    def model_bytes(self, splits: Splits) -> int:
        """Some numbers a chain, and a header."""
        first = next(iter(splits.train.data.values()))
        return 1024 + 8 * 16 * (first.shape[1] if first.ndim > 1 else 1)


def weigh(objective: Objective, confidence: Tensor) -> Tensor:
    """Give an objective's weights of (n, C) elements; thresholds that depend on the data are each chain's own."""
    if isinstance(objective, ELEMENTWISE):
        return objective.weights(confidence)
    if isinstance(objective, LeavingOut) and confidence.shape[1] > 1:
        raise UserError(
            "tce-online goes by the record of one chain, and a batch records its first alone: run its chains one by one"
        )
    return torch.stack([objective.adapt(column).weights(column) for column in confidence.unbind(1)], 1)


def columns(tensor: Tensor) -> Tensor:
    """View (n,) or (n, C) as (n, C), so that one chain alone goes the way of a batch of one."""
    return tensor.reshape(len(tensor), -1)


def noise(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Draw standard normal numbers, float64, on a grid of single precision.

    Torch draws those five times faster. The grid moves moments by less than 1e-7 and ends near 5.8 standard deviations.
    """
    return torch.randn(shape, generator=rng).double()
