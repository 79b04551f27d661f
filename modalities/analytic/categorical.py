"""A categorical distribution, refitted by counting."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.modality import Fit
from fortifai.contract.samples import Samples
from fortifai.objectives import Objective

from .batch import AnalyticAdapter, columns, weigh
from .config import CategoricalConfig


@dataclass(frozen=True)
class Categorical:
    """``probabilities``, (K,) or (K, C), float64."""

    probabilities: Tensor


class CategoricalAdapter(AnalyticAdapter[Categorical]):
    """Samples hold one tensor, ``x``: int64 (n,) or (n, C), the class. Confidence is p(class) by the plain fit."""

    config: CategoricalConfig
    model_class: ClassVar[type[Categorical]] = Categorical
    least: ClassVar[int] = 1

    def draw(self, rows: int, chains: tuple[int, ...], rng: torch.Generator) -> dict[str, Tensor]:
        """Classes by their true probabilities."""
        truth = torch.tensor(self.config.probabilities, dtype=torch.float64)
        return {"x": _classes(truth.reshape(-1, *(1 for _ in chains)), (rows, *chains), rng)}

    def fit(
        self, samples: Samples, validation: Samples, objective: Objective, init: Categorical | None, rng: torch.Generator
    ) -> Fit[Categorical]:
        """Weighted frequencies, and once more of what the objective keeps."""
        x, weight = columns(samples["x"]), samples.weights()
        classes = len(self.config.probabilities)
        plain = torch.stack([weight @ (x == k).double() for k in range(classes)]) / weight.sum()
        kept = weigh(objective, plain.gather(0, x))
        mass = kept * weight.unsqueeze(1)
        counts = torch.stack([(mass * (x == k)).sum(0) for k in range(classes)])
        # Where an objective masks all there is, nothing is learnt: the plain frequencies stay.
        total = counts.sum(0)
        fitted = torch.where(total > 0, counts / total.clamp(min=torch.finfo(torch.float64).tiny), plain)
        return Fit(Categorical(fitted.reshape(classes, *samples["x"].shape[1:])), 1 - float(kept.mean()))

    def sample(self, model: Categorical, source: Samples, sampling: Sampling, rng: torch.Generator) -> Samples:
        """Draw as many classes as ``source`` has; probabilities are raised to the power of 1 / temperature."""
        p = model.probabilities
        if sampling.temperature != 1:
            p = p ** (1 / sampling.temperature)
            p = p / p.sum(0)
        return Samples({"x": _classes(p, (len(source), *p.shape[1:]), rng)}, source.origin)

    def nll(self, model: Categorical, samples: Samples) -> Tensor:
        """-log p(class), (n,), in nats; of the first chain. Infinite for a class that died."""
        return -self.confidence(model, samples).log()

    def confidence(self, model: Categorical, samples: Samples) -> Tensor:
        """p(class), (n,); of the first chain."""
        return columns(model.probabilities)[:, 0][columns(samples["x"])[:, 0]]


def _classes(probabilities: Tensor, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    # By the inverse of the distribution function. A class without probability is never drawn: it takes no room.
    uniform = torch.rand(shape, generator=rng, dtype=torch.float64)
    x = torch.zeros(shape, dtype=torch.int64)
    for below in probabilities.cumsum(0)[:-1]:
        x += uniform >= below
    return x
