"""A one-dimensional Gaussian, refitted by maximum likelihood."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.modality import Fit
from fortifai.contract.samples import Samples
from fortifai.objectives import CrossEntropy, Objective

from .batch import AnalyticAdapter, columns, noise, weigh
from .config import GaussianConfig


@dataclass(frozen=True)
class Gaussian:
    """``mean`` and ``variance``, each () or (C,), float64."""

    mean: Tensor
    variance: Tensor

    def first(self) -> "Gaussian":
        """Give the first chain's model."""
        return Gaussian(self.mean.reshape(-1)[0], self.variance.reshape(-1)[0])


class GaussianAdapter(AnalyticAdapter[Gaussian]):
    """Samples hold one tensor, ``x``: float64 (n,) or (n, C). The variance is divided by n, not by n - 1.

    Confidence is the density relative to its mode, exp(-(x - mean)^2 / 2 variance), by the plain fit to the same samples. The
    objective's weights enter the variance only, which is divided by the kept weight; the mean is everybody's.
    """

    config: GaussianConfig
    model_class: ClassVar[type[Gaussian]] = Gaussian

    def draw(self, rows: int, chains: tuple[int, ...], rng: torch.Generator) -> dict[str, Tensor]:
        """Standard normal numbers."""
        return {"x": noise((rows, *chains), rng)}

    def fit(
        self, samples: Samples, validation: Samples, objective: Objective, init: Gaussian | None, rng: torch.Generator
    ) -> Fit[Gaussian]:
        """Weighted moments, the variance once more by what the objective keeps."""
        x, weight = columns(samples["x"]), samples.weights()
        total = weight.sum()
        mean = weight @ x / total
        squared = (x - mean).square_()
        plain = weight @ squared / total
        shape = samples["x"].shape[1:]
        if isinstance(objective, CrossEntropy):  # its weights are ones, and to ask for them takes a third of a generation
            return Fit(Gaussian(mean.reshape(shape), plain.reshape(shape)), 0.0)
        kept = weigh(objective, (squared * (-0.5 / plain)).exp_())
        masked = 1 - float(kept.mean())
        squared.mul_(kept)
        variance = (weight @ squared) / (weight @ kept)
        return Fit(Gaussian(mean.reshape(shape), variance.reshape(shape)), masked)

    def sample(self, model: Gaussian, source: Samples, sampling: Sampling, rng: torch.Generator) -> Samples:
        """Draw as many numbers as ``source`` has; a temperature multiplies the variance."""
        x = noise((len(source), *model.mean.shape), rng)
        return Samples({"x": x.mul_((model.variance * sampling.temperature).sqrt()).add_(model.mean)}, source.origin)

    def nll(self, model: Gaussian, samples: Samples) -> Tensor:
        """-log p(x), (n,), in nats; of the first chain."""
        one = model.first()
        return 0.5 * ((columns(samples["x"])[:, 0] - one.mean) ** 2 / one.variance + torch.log(2 * math.pi * one.variance))

    def confidence(self, model: Gaussian, samples: Samples) -> Tensor:
        """The density relative to its mode, (n,); of the first chain."""
        one = model.first()
        return torch.exp(-0.5 * (columns(samples["x"])[:, 0] - one.mean) ** 2 / one.variance)
