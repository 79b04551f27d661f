"""What a chain is: everything that decides its numbers, and where it keeps what it made."""

from dataclasses import dataclass
from typing import Generic, Literal, Protocol

from typing_extensions import TypeVar  # typing's own has no defaults before Python 3.13

from fortifai.config import Frozen, ModelConfig, Sampling
from fortifai.contract.metric import Metric
from fortifai.contract.modality import Modality
from fortifai.contract.samples import Samples
from fortifai.objectives import Objective
from fortifai.records.schema import GenerationRecord
from fortifai.recursion.strategies import Strategy

ModelT = TypeVar("ModelT", default=object)


@dataclass(frozen=True)
class Chain(Generic[ModelT]):
    """Everything that decides the numbers of one chain.

    Attributes:
        adapter: The kind of model, bound to its real data.
        sampling: How models are read out.
        n: Samples of generation 0's training set, and samples that are measured of every generation.
        start: Whether a fit starts from the last generation's model (warm) or from scratch.
        metrics: What is measured, the fidelity metric of every generation.
        measure_every: The others of generation 0 and every so many generations, >= 1.
        fidelity_metric: The metric that is scored by; a generation in which it is not finite has diverged.
        strategy: How training sets are composed.
        objective: The loss.
        seed: Chains of equal seed draw the same real data.
    """

    adapter: Modality[ModelConfig, Frozen, Sampling, ModelT]
    sampling: Sampling
    n: int
    start: Literal["warm", "scratch"]
    metrics: tuple[Metric, ...]
    fidelity_metric: str
    strategy: Strategy
    objective: Objective
    seed: int
    measure_every: int = 1

    @property
    def draws(self) -> int:
        """How many sets of samples every generation makes, for the next fit to go through."""
        return self.adapter.draws if self.strategy.recursive else 1

    def metrics_of(self, generation: int) -> tuple[Metric, ...]:
        """Return what is measured of a generation, >= 0."""
        if generation % self.measure_every == 0:
            return self.metrics
        return tuple(metric for metric in self.metrics if metric.name == self.fidelity_metric)

    @property
    def reads_first_model(self) -> bool:
        """Whether a metric or the strategy reads the model of generation 0 in every generation, so that it has to be kept."""
        return "first" in self.strategy.asks or any("first_model" in metric.reads for metric in self.metrics)


class History(Protocol[ModelT]):
    """Where a chain keeps what it made: a folder, or memory."""

    def recorded(self) -> list[GenerationRecord]:
        """Return the records of all finished generations, in order."""

    def samples(self, generation: int) -> Samples:
        """Return what a finished generation made. Raises KeyError if it was not kept."""

    def model(self, generation: int) -> ModelT:
        """Return the model of a finished generation: the last one, or the first of a chain that reads it. Raises KeyError."""

    def commit(self, record: GenerationRecord, samples: Samples | None, model: ModelT | None) -> None:
        """Keep a generation, all of it or, after a crash in the middle, nothing. A diverged one has no samples and no model."""
