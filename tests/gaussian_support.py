"""The smallest recursion there is: a one-dimensional Gaussian fitted by maximum likelihood, and a history in memory."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fortifai import objectives
from fortifai.config import Frozen, ModelConfig, Sampling
from fortifai.contract.metric import Metric
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.modality import Fit, Likelihood, Modality
from fortifai.contract.samples import Samples, Splits
from fortifai.objectives import Objective
from fortifai.records.schema import GenerationRecord
from fortifai.recursion import strategies
from fortifai.recursion.chain import Chain
from fortifai.recursion.protocol import run_chain


@dataclass(frozen=True)
class Model:
    mean: float
    variance: float


@dataclass
class Call:
    """The arguments of one fit."""

    training: Samples
    init: Model | None


class Gaussian(Modality[ModelConfig, Frozen, Sampling, Model]):
    """Maximum likelihood: the variance divides by n, not n - 1.

    Args:
        on_fit: Called with the number of each fit, 0, 1, 2 ...; it may raise.
        splits: The real data; by default `SPLITS`.
    """

    def __init__(self, on_fit: Callable[[int], None] = lambda number: None, splits: Splits | None = None) -> None:
        super().__init__(ModelConfig(), SPLITS if splits is None else splits)
        self.calls: list[Call] = []
        self.drawn: list[float] = []
        """The first number of the stream of every fit and of everything that was sampled."""
        self.likelihoods = 0
        """How often a likelihood was computed."""
        self._on_fit = on_fit

    def check(self, n: int) -> None:
        raise NotImplementedError

    def fit(
        self, samples: Samples, objective: Objective, init: Model | None, rng: torch.Generator, checkpoints: Path | None = None
    ) -> Fit[Model]:
        self._on_fit(len(self.calls))
        self.calls.append(Call(samples, init))
        self.drawn.append(float(torch.rand((), generator=rng)))
        x, weight = samples["x"], samples.weights()
        kept = objective.weights(_confidence(init or _moments(x, weight), x))
        return Fit(_moments(x, weight * kept), float(1 - kept.mean()))

    def sample(self, model: Model, source: Samples, sampling: Sampling, rng: torch.Generator) -> dict[str, Tensor]:
        self.drawn.append(float(torch.rand((), generator=rng)))
        spread = math.sqrt(model.variance * sampling.temperature)
        return {"x": model.mean + spread * torch.randn(len(source), generator=rng, dtype=torch.float64)}

    def likelihood(self, model: Model, samples: Samples) -> Likelihood:
        self.likelihoods += 1
        x = samples["x"]
        nll = 0.5 * ((x - model.mean) ** 2 / model.variance + math.log(2 * math.pi * model.variance))
        return Likelihood(nll, _confidence(model, x))

    def save(self, model: Model, folder: Path) -> None:
        raise NotImplementedError

    def load_model(self, folder: Path) -> Model:
        raise NotImplementedError


def _moments(x: Tensor, weight: Tensor) -> Model:
    mean = float((weight * x).sum() / weight.sum())
    return Model(mean, float((weight * (x - mean) ** 2).sum() / weight.sum()))


def _confidence(model: Model, x: Tensor) -> Tensor:
    return torch.exp(-0.5 * (x - model.mean) ** 2 / model.variance)


Inputs = MetricInputs[Gaussian, Model]


def distance(inputs: Inputs) -> float:
    """Return how far the means of real and synthetic samples are apart."""
    return abs(float(inputs.synthetic["x"].mean() - inputs.real["x"].mean()))


def count(inputs: Inputs) -> float:
    """Return how many samples are measured."""
    return float(len(inputs.synthetic))


def variance(inputs: Inputs) -> float:
    """Return the model's variance."""
    return inputs.model.variance


def first_variance(inputs: Inputs) -> float:
    """Return the variance of the model of generation 0."""
    return inputs.first_model.variance


def mean(inputs: Inputs) -> float:
    """Return the model's mean."""
    return inputs.model.mean


def nothing(inputs: Inputs) -> float:
    """Return no number."""
    return math.nan


def metric(name: str, **changes: Any) -> Metric:
    """Declare the function of this name above as a metric."""
    declaration: dict[str, Any] = {"compute": f"{__name__}:{name}", "summary": name, "better": "lower", "unit": ""}
    declaration |= {"valid": (-math.inf, math.inf), "reads": ("synthetic", "model")}
    return Metric(**(declaration | changes))


def normal(size: int, seed: int = 0) -> Samples:
    """Return standard normal samples."""
    return Samples.real(x=torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


SPLITS = Splits(normal(2_000, 1), normal(50, 2), normal(200, 3))


def chain(**changes: Any) -> Chain[Model]:
    """Return a chain of 40 samples a generation, under replace and cross entropy, with these changes."""
    fields: dict[str, Any] = {"adapter": Gaussian(), "sampling": Sampling(), "n": 40, "start": "scratch", "seed": 0}
    fields |= {"metrics": (metric("distance"), metric("variance"), metric("mean"), metric("count"))}
    fields |= {"fidelity_metric": "distance", "strategy": "replace", "objective": "ce"} | changes
    fields["strategy"] = strategies.resolve(fields["strategy"])
    fields["objective"] = objectives.resolve(fields["objective"])
    return Chain(**fields)


@dataclass
class Memory:
    """A history that dies with the test."""

    records: list[GenerationRecord] = field(default_factory=list)
    made: dict[int, Samples] = field(default_factory=dict)
    models: dict[int, Model] = field(default_factory=dict)

    def recorded(self) -> list[GenerationRecord]:
        return list(self.records)

    def samples(self, generation: int) -> Samples:
        return self.made[generation]

    def model(self, generation: int) -> Model:
        return self.models[generation]

    def commit(self, record: GenerationRecord, samples: Samples | None, model: Model | None) -> None:
        self.records.append(record)
        if samples is not None and model is not None:
            self.made[record.generation], self.models[record.generation] = samples, model

    def until(self, generation: int) -> "Memory":
        """Return the history as it was when this many generations were finished."""
        kept = {g: s for g, s in self.made.items() if g < generation}
        return Memory(self.records[:generation], kept, {g: self.models[g] for g in kept})


def run(horizon: int = 4, history: Memory | None = None, **changes: Any) -> Memory:
    """Run the chain of these changes, and return its history."""
    history = Memory() if history is None else history
    records = list(run_chain(chain(**changes), history, horizon))
    assert history.records[len(history.records) - len(records) :] == records
    return history


def numbers(records: list[GenerationRecord]) -> list[dict[str, Any]]:
    """Return everything of the records that must be the same every time."""
    return [record.model_dump(exclude={"seconds", "samples_per_second", "peak_memory_bytes"}) for record in records]
