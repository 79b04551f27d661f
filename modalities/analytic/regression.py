"""A linear regression, refitted by least squares to labels that the last fit made."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.modality import Fit, Likelihood
from fortifai.contract.samples import Samples
from fortifai.errors import Diverged
from fortifai.objectives import Objective

from .batch import AnalyticAdapter, columns, noise, weigh
from .config import RegressionConfig


@dataclass(frozen=True)
class Regression:
    """``coefficients`` of D features, float64 (D,), or (C, D) of C chains."""

    coefficients: Tensor


class RegressionAdapter(AnalyticAdapter[RegressionConfig, Regression]):
    """Samples hold ``x``, the features, (n, D) or (n, C, D), and ``y``, the labels, (n,) or (n, C); float64.

    The noise has standard deviation 1, which the model knows. Confidence is the density of a label relative to its mode,
    exp(-residual^2 / 2), by the plain fit to the same samples.
    """

    model_class = Regression

    @staticmethod
    def draw(config: RegressionConfig, rows: int, chains: tuple[int, ...], rng: torch.Generator) -> dict[str, Tensor]:
        """Draw standard normal features, ``x`` (rows, *chains, D), and labels, their sum plus noise, ``y`` (rows, *chains)."""
        x = noise((rows, *chains, config.features), rng)
        return {"x": x, "y": x.sum(-1) + noise((rows, *chains), rng)}

    def fit(
        self,
        samples: Samples,
        objective: Objective,
        init: Regression | None,
        rng: torch.Generator,
        checkpoints: Path | None = None,
    ) -> Fit[Regression]:
        """Return the weighted least squares of what the objective keeps.

        Raises:
            Diverged: The features are collinear.
        """
        y = columns(samples["y"])
        x = samples["x"].reshape(*y.shape, -1)
        weight = samples.weights().unsqueeze(1).expand_as(y)
        plain = _solve(x, y, weight)
        element_weight = weigh(objective, torch.exp(-0.5 * (y - _predict(x, plain)) ** 2))
        fitted = _solve(x, y, weight * element_weight)
        return Fit(Regression(fitted.reshape(*samples["y"].shape[1:], -1)), 1 - float(element_weight.mean()))

    def sample(self, model: Regression, source: Samples, sampling: Sampling, rng: torch.Generator) -> dict[str, Tensor]:
        """Label as many rows as ``source`` has, its own or new ones; a temperature multiplies the variance of the noise."""
        x = source["x"] if self.config.design == "shared" else noise(tuple(source["x"].shape), rng)
        y = _predict(x, model.coefficients) + math.sqrt(sampling.temperature) * noise(tuple(source["y"].shape), rng)
        return {"x": x, "y": y}

    def likelihood(self, model: Regression, samples: Samples) -> Likelihood:
        """Return -log p(y | x) in nats and the label's density relative to its mode, (n,) each; of the first chain."""
        y = columns(samples["y"])
        x = samples["x"].reshape(*y.shape, -1)
        squared = (y[:, 0] - x[:, 0] @ model.coefficients.reshape(-1, x.shape[-1])[0]) ** 2
        return Likelihood(0.5 * (squared + math.log(2 * math.pi)), torch.exp(-0.5 * squared))


def _predict(x: Tensor, coefficients: Tensor) -> Tensor:
    return (x * coefficients).sum(-1)


def _solve(x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Return the coefficients (C, D) of every chain by the normal equations. x: (n, C, D); y, weight: (n, C)."""
    features = x.permute(1, 2, 0)  # (C, D, n)
    weighted = (x * weight.unsqueeze(-1)).transpose(0, 1)  # (C, n, D)
    moment = features @ (y * weight).T.unsqueeze(-1)  # (C, D, 1)
    factor, failed = torch.linalg.cholesky_ex(features @ weighted)
    if failed.any():
        raise Diverged("the features are collinear")
    return torch.cholesky_solve(moment, factor).squeeze(-1)
