"""A one-dimensional Gaussian, refitted by maximum likelihood."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.modality import Fit, Likelihood
from fortifai.contract.samples import Samples
from fortifai.objectives import CrossEntropy, Objective

from .batch import AnalyticAdapter, columns, noise, weigh
from .config import GaussianConfig


@dataclass(frozen=True)
class Gaussian:
    """``mean`` and ``variance``, float64 () each, or (C,) of C chains."""

    mean: Tensor
    variance: Tensor


class GaussianAdapter(AnalyticAdapter[GaussianConfig, Gaussian]):
    """Samples hold one tensor, ``x``: float64 (n,) or (n, C). The variance is divided by n, not by n - 1.

    Confidence is the density, and on the relative scale the density over that at the mode, exp(-(x - mean)^2 / 2 variance). It is
    that of the model that a fit starts from, which made the samples; from scratch, that of the plain fit to the same samples. The
    objective's weights enter the variance only, which is divided by the kept weight; the mean is that of all samples. A truth of
    mean 0 and variance 1 is in standardised units as it is.
    """

    model_class = Gaussian
    density = True

    @staticmethod
    def draw(config: GaussianConfig, rows: int, chains: tuple[int, ...], rng: torch.Generator) -> dict[str, Tensor]:
        """Draw standard normal numbers, ``x``: float64 (rows, *chains)."""
        return {"x": noise((rows, *chains), rng)}

    def fit(
        self,
        samples: Samples,
        objective: Objective,
        init: Gaussian | None,
        rng: torch.Generator,
        checkpoints: Path | None = None,
    ) -> Fit[Gaussian]:
        """Return the weighted mean, and the weighted variance of what the objective keeps."""
        x, weight = columns(samples["x"]), samples.weights()
        total = weight.sum()
        mean = weight @ x / total
        squared = (x - mean).square_()
        plain = weight @ squared / total
        shape = samples["x"].shape[1:]
        if isinstance(objective, CrossEntropy):  # its weights are ones, and to ask for them takes a third of a generation
            return Fit(Gaussian(mean.reshape(shape), plain.reshape(shape)), 0.0)
        judge = Gaussian(mean, plain) if init is None else init
        element_weight = weigh(objective, self._confidence(x, judge, objective))
        masked = 1 - float(element_weight.mean())
        kept = weight @ element_weight
        # Where an objective masks everything, nothing is learnt: the variance stays that of the model that judged.
        learnt = (weight @ squared.mul_(element_weight)) / kept.clamp(min=torch.finfo(torch.float64).tiny)
        variance = torch.where(kept > 0, learnt, judge.variance.reshape(-1))
        return Fit(Gaussian(mean.reshape(shape), variance.reshape(shape)), masked)

    def sample(self, model: Gaussian, source: Samples, sampling: Sampling, rng: torch.Generator) -> dict[str, Tensor]:
        """Draw as many numbers as ``source`` has; a temperature multiplies the variance."""
        x = noise((len(source), *model.mean.shape), rng)
        return {"x": x.mul_((model.variance * sampling.temperature).sqrt()).add_(model.mean)}

    def likelihood(self, model: Gaussian, samples: Samples) -> Likelihood:
        """Return -log p(x) in nats and p(x), (n,) each; of the first chain."""
        mean, variance = model.mean.reshape(-1)[0], model.variance.reshape(-1)[0]
        squared = (columns(samples["x"])[:, 0] - mean) ** 2
        nll = 0.5 * (squared / variance + torch.log(2 * math.pi * variance))
        return Likelihood(nll, torch.exp(-nll))

    def anchors(self, model: Gaussian, objective: Objective, q: float) -> Tensor:
        """Return the density at the mode, (C,) of C chains; see `Modality.anchors`."""
        return _mode(model).reshape(-1)

    @staticmethod
    def _confidence(x: Tensor, model: Gaussian, objective: Objective) -> Tensor:
        """Return the confidence in every sample, (n, C)."""
        mean, variance = model.mean.reshape(-1), model.variance.reshape(-1)
        over_mode = (x - mean).square_().mul_(-0.5 / variance).exp_()
        return over_mode if objective.is_relative else over_mode.mul_(_mode(model).reshape(-1))


def _mode(model: Gaussian) -> Tensor:
    return 1 / (2 * math.pi * model.variance).sqrt()
