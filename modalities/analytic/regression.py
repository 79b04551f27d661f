"""A linear regression, refitted by least squares to labels that the last fit made."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.modality import Fit
from fortifai.contract.samples import Samples
from fortifai.errors import Diverged
from fortifai.objectives import Objective

from .batch import AnalyticAdapter, columns, noise, weigh
from .config import RegressionConfig


@dataclass(frozen=True)
class Regression:
    """``coefficients``, (D,) or (C, D), float64."""

    coefficients: Tensor


class RegressionAdapter(AnalyticAdapter[Regression]):
    """Samples hold ``x``, the features, (n, D) or (n, C, D), and ``y``, the labels, (n,) or (n, C); float64.

    The noise has standard deviation 1, which the model knows. Confidence is the density of a label relative to its mode,
    exp(-residual^2 / 2), by the plain fit to the same samples.
    """

    config: RegressionConfig
    model_class: ClassVar[type[Regression]] = Regression

    def draw(self, rows: int, chains: tuple[int, ...], rng: torch.Generator) -> dict[str, Tensor]:
        """Standard normal features; labels are their sum and noise."""
        x = noise((rows, *chains, self.config.features), rng)
        return {"x": x, "y": x.sum(-1) + noise((rows, *chains), rng)}

    def fit(
        self, samples: Samples, validation: Samples, objective: Objective, init: Regression | None, rng: torch.Generator
    ) -> Fit[Regression]:
        """Weighted least squares, and once more by what the objective keeps. Raises Diverged where features are collinear."""
        y = columns(samples["y"])
        x = samples["x"].reshape(*y.shape, -1)
        weight = samples.weights().unsqueeze(1).expand_as(y)
        plain = _solve(x, y, weight)
        kept = weigh(objective, torch.exp(-0.5 * (y - _predict(x, plain)) ** 2))
        fitted = _solve(x, y, weight * kept)
        return Fit(Regression(fitted.reshape(*samples["y"].shape[1:], -1)), 1 - float(kept.mean()))

    def sample(self, model: Regression, source: Samples, sampling: Sampling, rng: torch.Generator) -> Samples:
        """Label as many rows as ``source`` has, its own or new ones; a temperature multiplies the variance of the noise."""
        x = source["x"] if self.config.design == "shared" else noise(tuple(source["x"].shape), rng)
        y = _predict(x, model.coefficients) + math.sqrt(sampling.temperature) * noise(tuple(source["y"].shape), rng)
        return Samples({"x": x, "y": y}, source.origin)

    def nll(self, model: Regression, samples: Samples) -> Tensor:
        """-log p(y | x), (n,), in nats; of the first chain."""
        return 0.5 * (self._residual(model, samples) ** 2 + math.log(2 * math.pi))

    def confidence(self, model: Regression, samples: Samples) -> Tensor:
        """The density of the label relative to its mode, (n,); of the first chain."""
        return torch.exp(-0.5 * self._residual(model, samples) ** 2)

    def _residual(self, model: Regression, samples: Samples) -> Tensor:
        y = columns(samples["y"])
        x = samples["x"].reshape(*y.shape, -1)
        return y[:, 0] - x[:, 0] @ model.coefficients.reshape(-1, x.shape[-1])[0]


def _predict(x: Tensor, coefficients: Tensor) -> Tensor:
    return (x * coefficients).sum(-1)


def _solve(x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Give the coefficients (C, D) of every chain by the normal equations. x: (n, C, D); y, weight: (n, C)."""
    features = x.permute(1, 2, 0)  # (C, D, n)
    weighted = (x * weight.unsqueeze(-1)).transpose(0, 1)  # (C, n, D)
    moment = features @ (y * weight).T.unsqueeze(-1)  # (C, D, 1)
    factor, failed = torch.linalg.cholesky_ex(features @ weighted)
    if failed.any():
        raise Diverged("the features are collinear")
    return torch.cholesky_solve(moment, factor).squeeze(-1)
