"""Many chains at once through the protocol of one, and what theory says of them beside what they did."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from fortifai import objectives
from fortifai.config import Sampling
from fortifai.contract.declaration import modalities
from fortifai.contract.samples import Samples
from fortifai.errors import Diverged
from fortifai.randomness import seed_of
from fortifai.records.schema import GenerationRecord
from fortifai.recursion import strategies
from fortifai.recursion.protocol import Chain, run_chain
from fortifai.recursion.strategies import Strategy
from fortifai.registry import load_object

BATCH_SAMPLES = 2**18
"""Samples of one generation that a batch of chains holds together: 2 MiB a tensor; more or fewer were slower."""

KEPT_SAMPLES = 2**22
"""Samples that a batch of chains keeps in all: the real ones of its pool, and all synthetic ones where a strategy reads them."""

ROUNDING = 1e-12
"""Relative size of a sum of squares below which a spread is no spread but rounding."""


@dataclass(frozen=True)
class Check:
    """One prediction: after ``t`` fits, the expected value of a statistic of the fitted model, one number a chain, (C,)."""

    law: int
    setting: str
    t: int
    statistic: Callable[[Any], Tensor]
    predicted: float


@dataclass(frozen=True)
class Experiment:
    """Chains of one configuration, and all that is checked of them.

    ``size`` is the size by which the number of chains is chosen: the samples that a fit costs.
    """

    modality: str
    n: int
    strategy: str
    checks: tuple[Check, ...]
    objective: str = "ce"
    config: Mapping[str, Any] = field(default_factory=dict)
    size: int | None = None

    @property
    def fits(self) -> int:
        """How many fits a chain has."""
        return max(check.t for check in self.checks)


@dataclass
class Tally:
    """Mean and standard error of a number over chains, added up batch by batch around ``origin``, which saves precision."""

    origin: float
    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, values: Tensor) -> None:
        """Count in one number a chain."""
        off = values.double() - self.origin
        self.count, self.total, self.squares = (
            self.count + off.numel(),
            self.total + float(off.sum()),
            self.squares + float(off @ off),
        )

    @property
    def mean(self) -> float:
        """The mean over chains."""
        return self.origin + self.total / self.count

    @property
    def standard_error(self) -> float:
        """The standard deviation over chains by the square root of their number."""
        spread = self.squares - self.total**2 / self.count
        if spread <= ROUNDING * self.squares:
            return 0.0
        return math.sqrt(spread / (self.count - 1) / self.count)


@dataclass
class Memory:
    """A history that keeps every model, and of the samples only what the strategy will read."""

    strategy: Strategy
    models: list[Any] = field(default_factory=list)
    made: dict[int, Samples] = field(default_factory=dict)

    def recorded(self) -> list[GenerationRecord]:
        """Nothing: a batch of chains is run from its start to its end."""
        return []

    def samples(self, generation: int) -> Samples:
        """Give what a generation made, as long as the strategy needs it."""
        return self.made[generation]

    def model(self, generation: int) -> Any:
        """Give the models of a generation."""
        return self.models[generation]

    def commit(self, record: GenerationRecord, samples: Samples | None, model: Any) -> None:
        """Keep a generation. Raises Diverged when there is none."""
        if samples is None:
            raise Diverged(f"generation {record.generation}: {record.reason}")
        if not self.strategy.remembers_all:
            self.made.clear()
        self.made[record.generation] = samples
        self.models.append(model)


def follow(experiment: Experiment, chains: int | None, seed: int) -> list[Any]:
    """Run a batch of chains (None: one chain, without a chain axis) and give the models of every generation."""
    strategy = strategies.resolve(experiment.strategy)
    declaration = modalities.get(experiment.modality)
    modality = declaration.build(load_object(declaration.config)(**experiment.config))
    # As many rows as are drawn in all: every one is used once, so real data is as independent as theory has it.
    rows = _fresh(experiment)
    splits = modality.load(load_object(declaration.data)(rows=rows, held_out=1, chains=chains, seed=seed))
    metric = declaration.metrics[0]
    chain = Chain(
        modality=modality,
        splits=splits,
        sampling=Sampling(),
        n=experiment.n,
        start="scratch",
        metrics=(metric,),
        fidelity_metric=metric.name,
        strategy=strategy,
        objective=objectives.resolve(experiment.objective),
        seed=seed,
    )
    history = Memory(strategy)
    for _ in run_chain(chain, history, experiment.fits - 1):
        pass
    return history.models


def measure(experiment: Experiment, chains: int, seed: int) -> list[Tally]:
    """Give mean and standard error of every check over at least two independent chains, in batches of bounded memory."""
    tallies = [Tally(check.predicted) for check in experiment.checks]
    for number, size in enumerate(_batches(experiment, chains)):
        models = follow(experiment, size, seed_of("law", seed, *_names(experiment), number))
        for check, tally in zip(experiment.checks, tallies, strict=True):
            tally.add(check.statistic(models[check.t - 1]))
    return tallies


def _batches(experiment: Experiment, chains: int) -> Iterator[int]:
    strategy, generations = strategies.resolve(experiment.strategy), range(experiment.fits)
    kept = _fresh(experiment)
    if strategy.remembers_all:
        kept += sum(strategy.makes(experiment.n, g) for g in generations)
    largest = max(strategy.training_size(experiment.n, g) for g in generations)
    most = max(1, min(BATCH_SAMPLES // largest, KEPT_SAMPLES // kept))
    while chains > 0:
        yield min(most, chains)
        chains -= most


def _fresh(experiment: Experiment) -> int:
    strategy = strategies.resolve(experiment.strategy)
    return sum(strategy.fresh(experiment.n, generation) for generation in range(experiment.fits))


def _names(experiment: Experiment) -> tuple[str | int, ...]:
    config = (f"{key}={value}" for key, value in sorted(experiment.config.items()))
    return (experiment.modality, experiment.n, experiment.strategy, experiment.objective, *config)
