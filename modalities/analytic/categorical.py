"""A categorical distribution, refitted by counting."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.modality import Fit, Likelihood
from fortifai.contract.samples import Samples
from fortifai.objectives import Objective

from .batch import AnalyticAdapter, columns, weigh
from .config import CategoricalConfig


@dataclass(frozen=True)
class Categorical:
    """``probabilities`` of K classes, float64 (K,), or (K, C) of C chains."""

    probabilities: Tensor


class CategoricalAdapter(AnalyticAdapter[CategoricalConfig, Categorical]):
    """Samples hold one tensor, ``x``: int64 (n,) or (n, C), the class. Confidence is p(class) by the plain fit."""

    model_class = Categorical
    least_n = 1

    @staticmethod
    def draw(config: CategoricalConfig, rows: int, chains: tuple[int, ...], rng: torch.Generator) -> dict[str, Tensor]:
        """Draw classes by their true probabilities, ``x``: int64 (rows, *chains)."""
        truth = torch.tensor(config.probabilities, dtype=torch.float64)
        return {"x": _classes(truth.reshape(-1, *(1 for _ in chains)), (rows, *chains), rng)}

    def fit(
        self,
        samples: Samples,
        objective: Objective,
        init: Categorical | None,
        rng: torch.Generator,
        checkpoints: Path | None = None,
    ) -> Fit[Categorical]:
        """Return the weighted frequencies of what the objective keeps, its confidence being the frequencies of everything."""
        x, weight = columns(samples["x"]), samples.weights()
        classes = len(self.config.probabilities)
        plain = torch.stack([weight @ (x == k).double() for k in range(classes)]) / weight.sum()
        element_weight = weigh(objective, plain.gather(0, x))
        mass = element_weight * weight.unsqueeze(1)
        counts = torch.stack([(mass * (x == k)).sum(0) for k in range(classes)])
        # Where an objective masks everything, nothing is learnt: the plain frequencies stay.
        total = counts.sum(0)
        fitted = torch.where(total > 0, counts / total.clamp(min=torch.finfo(torch.float64).tiny), plain)
        return Fit(Categorical(fitted.reshape(classes, *samples["x"].shape[1:])), 1 - float(element_weight.mean()))

    def sample(self, model: Categorical, source: Samples, sampling: Sampling, rng: torch.Generator) -> dict[str, Tensor]:
        """Draw as many classes as ``source`` has; probabilities are raised to the power of 1 / temperature."""
        p = model.probabilities
        if sampling.temperature != 1:
            p = p ** (1 / sampling.temperature)
            p = p / p.sum(0)
        return {"x": _classes(p, (len(source), *p.shape[1:]), rng)}

    def likelihood(self, model: Categorical, samples: Samples) -> Likelihood:
        """Return -log p(class) in nats, infinite for a class that died, and p(class), (n,) each; of the first chain."""
        p = columns(model.probabilities)[:, 0][columns(samples["x"])[:, 0]]
        return Likelihood(-p.log(), p)


def _classes(probabilities: Tensor, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    # By inverting the distribution function. A class without probability is never drawn, since it covers no interval.
    uniform = torch.rand(shape, generator=rng, dtype=torch.float64)
    x = torch.zeros(shape, dtype=torch.int64)
    for below in probabilities.cumsum(0)[:-1]:
        x += uniform >= below
    return x
