"""Many chains at once through the protocol of one, and their statistics beside what theory predicts."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar, cast

from torch import Tensor

from fortifai import objectives
from fortifai.config import ModelConfig, Sampling
from fortifai.contract.declaration import modalities
from fortifai.contract.samples import Samples
from fortifai.errors import Diverged
from fortifai.randomness import seed_of
from fortifai.records.schema import GenerationRecord
from fortifai.recursion import strategies
from fortifai.recursion.chain import Chain
from fortifai.recursion.protocol import run_chain
from fortifai.recursion.strategies import Strategy

ModelT = TypeVar("ModelT")

BATCH_SAMPLES = 2**20
"""Samples of one generation that a batch of chains holds together: 8 MiB a tensor; a quarter of it took 1.4 times as long."""

STORED_SAMPLES = 2**22
"""Samples that a batch of chains stores in all: the real ones of its pool, and all synthetic ones if a strategy reads them."""

ROUNDING = 1e-12
"""Relative size of a sum of squares below which a spread is only rounding."""


@dataclass(frozen=True)
class Check:
    """One prediction of a law.

    Attributes:
        law: The law's number in docs/laws.md.
        setting: What is predicted, and at which settings, for people.
        t: Fits after which it is checked; 1 is the fit to real data.
        statistic: Returns a number of each chain, (C,), of the models of C chains, one for each fit so far.
        predicted: The statistic's expected value.
    """

    law: int
    setting: str
    t: int
    statistic: Callable[[Sequence[Any]], Tensor]
    predicted: float


@dataclass(frozen=True)
class Experiment:
    """Chains of one configuration, and all that is checked of them.

    Attributes:
        modality: The name of the kind of model.
        n: Samples of a generation.
        strategy: How training sets are composed, by name.
        checks: What is predicted.
        objective: The loss, by name.
        config: Settings of the model that are not the default.
        start: Whether a fit starts from the last model, which then is the one that judges how sure it is, or from scratch.
        temperature: How sharply models are read out; of a Gaussian, the factor of the variance that is sampled.
        size: The samples of a fit by which the number of chains is chosen; None: n.
    """

    modality: str
    n: int
    strategy: str
    checks: tuple[Check, ...]
    objective: str = "ce"
    config: Mapping[str, object] = field(default_factory=dict)
    start: Literal["warm", "scratch"] = "scratch"
    temperature: float = 1.0
    size: int | None = None

    @property
    def fits(self) -> int:
        """The number of fits of a chain."""
        return max(check.t for check in self.checks)

    def real_samples(self) -> int:
        """Return how many real samples a chain draws in all."""
        strategy = strategies.resolve(self.strategy)
        return sum(strategy.fresh(self.n, generation) for generation in range(self.fits))


@dataclass
class Tally:
    """Mean and standard error of a number over chains, added up batch by batch.

    Attributes:
        origin: Subtracted before adding up, which saves precision; near the mean.
        count: Chains so far.
        total: Sum of their differences from the origin.
        squares: Sum of the squares of these.
    """

    origin: float
    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, values: Tensor) -> None:
        """Add one number of each chain, (C,)."""
        differences = values.double() - self.origin
        self.count += differences.numel()
        self.total += float(differences.sum())
        self.squares += float(differences @ differences)

    @property
    def mean(self) -> float:
        """The mean over chains."""
        return self.origin + self.total / self.count

    @property
    def standard_error(self) -> float:
        """The standard deviation over chains, divided by the square root of their number."""
        spread = self.squares - self.total**2 / self.count
        if spread <= ROUNDING * self.squares:
            return 0.0
        return math.sqrt(spread / (self.count - 1) / self.count)


@dataclass
class Memory(Generic[ModelT]):
    """A history that keeps every model, and of the samples only what the strategy will read.

    Attributes:
        strategy: How the chains' training sets are composed.
        models: Of every generation so far.
        stored: Samples by the generation that made them.
    """

    strategy: Strategy
    models: list[ModelT] = field(default_factory=list)
    stored: dict[int, Samples] = field(default_factory=dict)

    def recorded(self) -> list[GenerationRecord]:
        """Return no records, because a batch of chains always runs from its start to its end."""
        return []

    def samples(self, generation: int) -> Samples:
        """Return what a generation made. Raises KeyError if the strategy does not read it any more."""
        return self.stored[generation]

    def model(self, generation: int) -> ModelT:
        """Return the model of a generation."""
        return self.models[generation]

    def commit(self, record: GenerationRecord, samples: Samples | None, model: ModelT | None) -> None:
        """Keep a generation. Raises Diverged if it has no samples."""
        if samples is None or model is None:
            raise Diverged(f"generation {record.generation}: {record.reason}")
        if not self.strategy.remembers_all:
            self.stored.clear()
        self.stored[record.generation] = samples
        self.models.append(model)


def run_batch(experiment: Experiment, chains: int | None, seed: int) -> list[object]:
    """Run a batch of chains and return the models of every generation.

    Args:
        experiment: What is run.
        chains: How many chains advance together; None: one, without a chain axis.
        seed: Of real data and of chains.

    Raises:
        Diverged: Training left the finite numbers.
    """
    strategy, declaration = strategies.resolve(experiment.strategy), modalities.get(experiment.modality)
    tables = declaration.tables()
    config = cast(ModelConfig, tables["model"].model_validate(dict(experiment.config)))
    # As many rows as are drawn in all: every one is used once, so that real data is as independent as theory assumes.
    rows = experiment.real_samples()
    data = tables["data"].model_validate({"rows": rows, "held_out": 1, "chains": chains, "seed": seed})
    metric = declaration.metrics[0]
    chain = Chain(
        adapter=declaration.bind(config, data),
        sampling=Sampling(temperature=experiment.temperature),
        n=experiment.n,
        start=experiment.start,
        metrics=(metric,),
        fidelity_metric=metric.name,
        strategy=strategy,
        objective=objectives.resolve(experiment.objective),
        seed=seed,
    )
    history: Memory[object] = Memory(strategy)
    for _ in run_chain(chain, history, experiment.fits - 1):
        pass
    return history.models


def measure(experiment: Experiment, chains: int, seed: int) -> list[Tally]:
    """Run independent chains in batches of bounded memory, and return mean and standard error of every check.

    Args:
        experiment: What is run.
        chains: How many chains in all, >= 2.
        seed: The same seed gives the same numbers.
    """
    tallies = [Tally(check.predicted) for check in experiment.checks]
    for number, size in enumerate(_batches(experiment, chains)):
        models = run_batch(experiment, size, seed_of("law", seed, *_names(experiment), number))
        for check, tally in zip(experiment.checks, tallies, strict=True):
            tally.add(check.statistic(models[: check.t]))
    return tallies


def _batches(experiment: Experiment, chains: int) -> Iterator[int]:
    """Yield the number of chains of each batch."""
    strategy, generations = strategies.resolve(experiment.strategy), range(experiment.fits)
    stored = experiment.real_samples()
    if strategy.remembers_all:
        stored += sum(strategy.makes(experiment.n, generation) for generation in generations)
    largest = max(strategy.training_size(experiment.n, generation) for generation in generations)
    most = max(1, min(BATCH_SAMPLES // largest, STORED_SAMPLES // stored))
    while chains > 0:
        yield min(most, chains)
        chains -= most


def _names(experiment: Experiment) -> tuple[str | int, ...]:
    """Return the names of the experiment's random streams."""
    settings = dict(experiment.config)
    if experiment.start != "scratch" or experiment.temperature != 1:
        settings |= {"start": experiment.start, "temperature": experiment.temperature}
    names = (f"{key}={value}" for key, value in sorted(settings.items()))
    return (experiment.modality, experiment.n, experiment.strategy, experiment.objective, *names)
