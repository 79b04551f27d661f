"""What the analytic adapters share: a chain axis, and models that are a few tensors.

A batch is one chain whose samples carry a second axis: tensors (n, C, ...), where a chain alone has (n, ...). Real data is drawn
for every chain of the batch independently, and so is every sample. What the protocol and the strategies draw are positions along
the first axis. The C chains share those, which no law can notice, because the samples at them are independent between chains
and exchangeable within one. So thousands of chains advance through the protocol of one, and there is no second loop.

What a generation's record summarises (likelihood, confidence, metrics) is one chain: of a batch, the first.
"""

from abc import abstractmethod
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from fortifai.config import ModelConfig, Sampling
from fortifai.contract.modality import Modality
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError
from fortifai.objectives import CrossEntropy, Focal, LeavingOut, Objective, TruncatedCrossEntropy
from fortifai.objectives.anchored import AnchoredGroups
from fortifai.randomness import stream

from .config import AnalyticData

ConfigT = TypeVar("ConfigT", bound=ModelConfig)
ModelT = TypeVar("ModelT")

MODEL_FILE = "model.safetensors"

ELEMENTWISE = (CrossEntropy, TruncatedCrossEntropy, Focal, AnchoredGroups)
"""Objectives that weigh an element by its own confidence alone, so that a batch can be weighed as a whole."""


class AnalyticAdapter(Modality[ConfigT, AnalyticData, Sampling, ModelT]):
    """An adapter of a model in closed form: every fit is exact, so that neither an initial model nor validation data is used.

    Attributes:
        model_class: A dataclass of tensors, which is what is saved.
        least_n: The fewest samples that a fit is defined for.
    """

    model_class: type[ModelT]
    least_n: int = 2

    def __init__(self, config: ConfigT, data: AnalyticData) -> None:
        """Draw the three splits from the true distribution, the same way every time.

        Args:
            config: The model, and its truth.
            data: How much data, and of how many chains.
        """
        self._chains = data.chains
        chains = () if data.chains is None else (data.chains,)
        sizes = {"train": data.rows, "validation": data.held_out, "test": data.held_out}
        parts = [self.draw(config, rows, chains, stream("analytic", part, data.seed)) for part, rows in sizes.items()]
        super().__init__(config, Splits(*(Samples.real(**part) for part in parts)))

    @staticmethod
    @abstractmethod
    def draw(config: ConfigT, rows: int, chains: tuple[int, ...], rng: torch.Generator) -> dict[str, Tensor]:
        """Draw real data from the truth.

        Args:
            config: The truth.
            rows: Samples of a chain.
            chains: (C,) for a batch of C chains, () for one chain without the axis.
            rng: The source of the random numbers.

        Returns:
            Tensors (rows, *chains, ...), independent in rows and chains.
        """

    def check(self, n: int) -> None:
        """Raise UserError for an n that no fit is defined for, or beyond the training pool."""
        if n < self.least_n:
            raise UserError(f"n = {n} samples are too few: n must be at least {self.least_n}")
        pool = len(self.splits.train)
        if n > pool:
            raise UserError(f"n = {n} real samples are asked for, and the training pool has {pool}: lower n")

    def anchors(self, model: ModelT, objective: Objective, q: float) -> Tensor:
        """Return the quantile of confidence in the validation split, (1,); see `Modality.anchors`.

        Raises:
            UserError: There are several chains, and only the first one's confidence is known.
        """
        if self._chains is not None and self._chains > 1:
            raise UserError("a batch of chains of this model has no anchors: run its chains one by one")
        return super().anchors(model, objective, q)

    def save(self, model: ModelT, folder: Path) -> None:
        """Write the model's tensors as one safetensors file."""
        save_file({name: tensor.contiguous() for name, tensor in vars(model).items()}, folder / MODEL_FILE)

    def load_model(self, folder: Path) -> ModelT:
        """Return the model that `save` wrote, equal to the last bit."""
        return self.model_class(**load_file(folder / MODEL_FILE))

    def model_bytes(self) -> int:
        """Return the bytes of a saved model, at most: 16 numbers of each chain, and a header."""
        first = next(iter(self.splits.train.data.values()))
        return 1024 + 8 * 16 * (first.shape[1] if first.ndim > 1 else 1)


def weigh(objective: Objective, confidence: Tensor) -> Tensor:
    """Return an objective's weights; a threshold that depends on the data is each chain's own.

    Args:
        objective: The loss.
        confidence: (n, C), >= 0.

    Returns:
        Weights in [0, 1], (n, C).

    Raises:
        UserError: Online TCE for more than one chain.
    """
    if isinstance(objective, ELEMENTWISE):
        return objective.weights(confidence)
    if isinstance(objective, LeavingOut) and confidence.shape[1] > 1:
        raise UserError(
            "tce-online depends on the record of one chain, and a batch records its first alone: run its chains one by one"
        )
    return torch.stack([objective.adapt(column).weights(column) for column in confidence.unbind(1)], 1)


def columns(tensor: Tensor) -> Tensor:
    """Return (n,) or (n, C) as a view (n, C), so that one chain alone is computed as a batch of one."""
    return tensor.reshape(len(tensor), -1)


def noise(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Draw standard normal numbers of a shape, float64, on a grid of single precision.

    Torch draws those five times faster. The grid moves moments by less than 1e-7 and ends near 5.8 standard deviations.
    """
    return torch.randn(shape, generator=rng).double()
