"""The smallest recursion there is: a one-dimensional Gaussian fitted by maximum likelihood, and a history in memory."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fortifai import objectives
from fortifai.config import Sampling
from fortifai.contract.metric import Metric
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.modality import Fit, Modality
from fortifai.contract.samples import Samples, Splits
from fortifai.objectives import Objective
from fortifai.records.schema import GenerationRecord
from fortifai.recursion import strategies
from fortifai.recursion.protocol import Chain


@dataclass(frozen=True)
class Model:
    mean: float
    variance: float


@dataclass
class Call:
    """What one fit was given."""

    training: Samples
    init: Model | None
    validation: Samples


class Gaussian(Modality[Model]):
    """Variance by n, not n - 1. ``on_fit`` is called with the number of the fit, and may raise."""

    def __init__(self, on_fit: Callable[[int], None] = lambda number: None) -> None:
        super().__init__(None)
        self.calls: list[Call] = []
        self.drawn: list[float] = []
        """The first number of every stream that fits and samples were given."""
        self._on_fit = on_fit

    def fit(
        self, samples: Samples, validation: Samples, objective: Objective, init: Model | None, rng: torch.Generator
    ) -> Fit[Model]:
        self._on_fit(len(self.calls))
        self.calls.append(Call(samples, init, validation))
        self.drawn.append(float(torch.rand((), generator=rng)))
        plain = self._moments(samples["x"], samples.weights())
        kept = objective.weights(self.confidence(init or plain, samples))
        return Fit(self._moments(samples["x"], samples.weights() * kept), float(1 - kept.mean()))

    def sample(self, model: Model, source: Samples, sampling: Sampling, rng: torch.Generator) -> Samples:
        self.drawn.append(float(torch.rand((), generator=rng)))
        spread = math.sqrt(model.variance * sampling.temperature)
        x = model.mean + spread * torch.randn(len(source), generator=rng, dtype=torch.float64)
        return Samples.real(x=x)  # whom the samples are from is for the protocol to say

    def nll(self, model: Model, samples: Samples) -> Tensor:
        return 0.5 * ((samples["x"] - model.mean) ** 2 / model.variance + math.log(2 * math.pi * model.variance))

    def confidence(self, model: Model, samples: Samples) -> Tensor:
        return torch.exp(-0.5 * (samples["x"] - model.mean) ** 2 / model.variance)

    def _moments(self, x: Tensor, weight: Tensor) -> Model:
        mean = float((weight * x).sum() / weight.sum())
        return Model(mean, float((weight * (x - mean) ** 2).sum() / weight.sum()))

    def load(self, data: object) -> Splits:
        raise NotImplementedError

    def check(self, n: int, splits: Splits) -> None:
        raise NotImplementedError

    def save(self, model: Model, folder: Path) -> None:
        raise NotImplementedError

    def load_model(self, folder: Path) -> Model:
        raise NotImplementedError

    def model_bytes(self, splits: Splits) -> int:
        raise NotImplementedError


def distance(inputs: MetricInputs) -> float:
    """Between the means of real and synthetic samples."""
    return abs(float(inputs.synthetic["x"].mean() - inputs.real["x"].mean()))


def count(inputs: MetricInputs) -> float:
    """How many samples are measured."""
    return float(len(inputs.synthetic))


def variance(inputs: MetricInputs) -> float:
    """The model's own."""
    return float(inputs.model.variance)


def first_variance(inputs: MetricInputs) -> float:
    """The first model's."""
    return float(inputs.first_model.variance)


def mean(inputs: MetricInputs) -> float:
    """The model's own."""
    return float(inputs.model.mean)


def nothing(inputs: MetricInputs) -> float:
    """What cannot be computed."""
    return math.nan


def metric(name: str, **changes: Any) -> Metric:
    """Declare one of the functions above."""
    declared = {"better": "lower", "unit": "", "valid": (-math.inf, math.inf), "least_n": 1, "needs": ("synthetic", "model")}
    return Metric(name, name, **{**declared, "compute": f"{__name__}:{name}", **changes})


def normal(size: int, seed: int = 0) -> Samples:
    """Standard normal samples."""
    return Samples.real(x=torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


SPLITS = Splits(normal(2_000, 1), normal(50, 2), normal(200, 3))


def chain(**changes: Any) -> Chain:
    """A chain of 40 samples a generation, under replace and cross entropy where nothing else is said."""
    given: dict[str, Any] = {"modality": Gaussian(), "splits": SPLITS, "sampling": Sampling(), "n": 40, "start": "scratch"}
    given |= {"metrics": (metric("distance"), metric("variance"), metric("mean"), metric("count")), "seed": 0}
    given |= {"fidelity_metric": "distance", "strategy": "replace", "objective": "ce"} | changes
    given["strategy"] = strategies.resolve(given["strategy"])
    given["objective"] = objectives.resolve(given["objective"])
    return Chain(**given)


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

    def commit(self, record: GenerationRecord, samples: Samples | None, model: Any) -> None:
        self.records.append(record)
        if samples is not None:
            self.made[record.generation], self.models[record.generation] = samples, model

    def until(self, generation: int) -> "Memory":
        """What was there when this many generations were finished."""
        kept = {g: s for g, s in self.made.items() if g < generation}
        return Memory(self.records[:generation], kept, {g: self.models[g] for g in kept})


def numbers(records: list[GenerationRecord]) -> list[dict[str, Any]]:
    """Everything of the records that must be the same every time."""
    return [record.model_dump(exclude={"seconds", "samples_per_second", "peak_memory_bytes"}) for record in records]
