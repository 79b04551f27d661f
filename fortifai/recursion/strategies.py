"""Strategies: what generation g trains on, out of real data and of what earlier generations made.

n is the size of generation 0's training set, real for every strategy, and of the synthetic set that a generation adds.
Torch is imported where samples are mixed, so that naming, listing and planning strategies stay instant.
"""

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from fortifai.config import NUMBER, Identity, Parametrised
from fortifai.config import resolve as _resolve
from fortifai.recursion.models import Ask, Models, ModelT
from fortifai.registry import Registry

if TYPE_CHECKING:
    import torch

    from fortifai.contract.modality import AnyModality
    from fortifai.contract.samples import Samples


@dataclass(frozen=True)
class Supply:
    """What a strategy composes from.

    Attributes:
        n: Samples of generation 0's training set.
        real: Returns the real samples that generation g draws.
        synthetic: Returns what generation g made.
        models: What can be asked of the chain's models; None in generation 0, which has none before it.
    """

    n: int
    real: "Callable[[int], Samples]"
    synthetic: "Callable[[int], Samples]"
    models: Models | None = None

    def ask(self) -> Models:
        """Return the models, for a generation that has some before it."""
        if self.models is None:
            raise ValueError("generation 0 has no models before it")
        return self.models


class Strategy(Parametrised):
    """How the training set of every generation is composed.

    Generation 0 is fitted to n real samples and to nothing else, whatever the strategy.
    """

    remembers_all: ClassVar[bool] = False
    """Whether composing reads what every earlier generation made, or the last one's output only."""

    recursive: ClassVar[bool] = True
    """Whether training sets hold what earlier generations made."""

    own_generation_0: ClassVar[bool] = False
    """Whether its generation 0 is another than that of the other strategies, so that they cannot share one."""

    warm_only: ClassVar[bool] = False
    """Whether it compares the parameters of models, which means something only where each fit starts from the last one."""

    @property
    def asks(self) -> frozenset[Ask]:
        """What it asks for that not every chain can answer; by default nothing."""
        return frozenset()

    @property
    def last_generation(self) -> int | None:
        """The last generation that can be composed, or None where there is no end."""
        return None

    def horizon(self, generations: int) -> int:
        """Return the last generation that is run where ``generations`` are asked for."""
        return generations if self.last_generation is None else min(generations, self.last_generation)

    def fresh(self, n: int, generation: int) -> int:
        """Return how many real samples generation g draws.

        Args:
            n: Samples of generation 0's training set, which are all that generation 0 draws.
            generation: g, from 0.
        """
        return n if generation == 0 else 0

    def training_size(self, n: int, generation: int) -> int:
        """Return how many samples generation g trains on. Arguments as of `fresh`."""
        return n

    def makes(self, n: int, generation: int) -> int:
        """Return how many samples generation g's model makes: those of `source`, by default as many as it trained on."""
        return self.training_size(n, generation)

    def compose(self, generation: int, supply: Supply, rng: "torch.Generator") -> "Samples":
        """Return the training set of generation g.

        Args:
            generation: g, from 0.
            supply: What there is to compose from.
            rng: The source of every random number.
        """
        return supply.real(0) if generation == 0 else self.mix(generation, supply, rng)

    def source(self, training: "Samples", supply: Supply) -> "Samples":
        """Return what a generation's model regenerates: by default its whole training set.

        Args:
            training: The training set that `compose` returned.
            supply: What there is to compose from.
        """
        return training

    def adapter_for(self, adapter: "AnyModality") -> "AnyModality":
        """Return the adapter that its chains run, by default the regime's own.

        Args:
            adapter: The regime's, bound to its data.
        """
        return adapter

    def after_fit(self, model: ModelT, models: Models[ModelT]) -> ModelT:
        """Return the model that generation g >= 1 has, by default the one that was fitted.

        Args:
            model: As it was fitted.
            models: Those before it.
        """
        return model

    def to_sample(self, model: ModelT, models: Models[ModelT]) -> ModelT:
        """Return the model that generation g >= 1 is sampled from, by default its own.

        Args:
            model: The generation's, which is kept and measured.
            models: Those before it.
        """
        return model

    @abstractmethod
    def mix(self, generation: int, supply: Supply, rng: "torch.Generator") -> "Samples":
        """Return the training set of generation g >= 1. Arguments as of `compose`."""


class Replace(Strategy):
    """Only what the last model made: n synthetic samples."""

    name: ClassVar[str] = "replace"

    def mix(self, generation: int, supply: Supply, rng: "torch.Generator") -> "Samples":
        """Return the last generation's output."""
        return supply.synthetic(generation - 1)


class Accumulate(Strategy):
    """The real n and every generation's n, pooled: the training set grows by n a generation."""

    name: ClassVar[str] = "accumulate"
    remembers_all: ClassVar[bool] = True

    def training_size(self, n: int, generation: int) -> int:
        """Return n (g + 1): the pool after g generations."""
        return n * (generation + 1)

    def makes(self, n: int, generation: int) -> int:
        """Return n: every generation makes as many."""
        return n

    def source(self, training: "Samples", supply: Supply) -> "Samples":
        """Return the real n: every generation adds as many, and a conditional model continues the same contexts."""
        return supply.real(0)

    def mix(self, generation: int, supply: Supply, rng: "torch.Generator") -> "Samples":
        """Return the whole pool."""
        return _pool([supply.real(0), *(supply.synthetic(g) for g in range(generation))])


class AccumulateSubsample(Accumulate):
    """The pool of `accumulate`, cut to n at random every generation: equal cost, diluted real data."""

    name: ClassVar[str] = "accumulate-subsample"

    def training_size(self, n: int, generation: int) -> int:
        """Return n: the pool is cut to it."""
        return n

    def mix(self, generation: int, supply: Supply, rng: "torch.Generator") -> "Samples":
        """Return n samples of the pool, drawn without replacement."""
        return _subset(super().mix(generation, supply, rng), supply.n, rng)


class FreshMix(Strategy):
    """The paper's: stage i regenerates the whole training set of stage i - 1 and adds the i-th of k fractions of real data."""

    name: ClassVar[str] = "fresh-mix"
    k: Identity[int] = Field(6, ge=2, description="real fractions, of n samples each; the last generation is k - 1")

    @property
    def last_generation(self) -> int:
        """The last generation, k - 1: then the real data is used up."""
        return self.k - 1

    def fresh(self, n: int, generation: int) -> int:
        """Return n: one fraction a generation, k n in all."""
        return n

    def training_size(self, n: int, generation: int) -> int:
        """Return n (g + 1), of which n are real."""
        return n * (generation + 1)

    def mix(self, generation: int, supply: Supply, rng: "torch.Generator") -> "Samples":
        """Return the regenerated training set of the last stage, and a fresh fraction."""
        return _pool([supply.synthetic(generation - 1), supply.real(generation)])


class Anchored(Strategy):
    """Constant n, a share of it real (law 4 is anchor=fresh): new real data every generation, or the same part of the first."""

    name: ClassVar[str] = "anchored"
    real: Identity[float] = Field(0.25, gt=0, lt=1, description="share of the n samples that is real")
    anchor: Identity[Literal["fresh", "fixed"]] = "fresh"

    def fresh(self, n: int, generation: int) -> int:
        """Return the real share of n where the anchor is fresh; otherwise generation 0 alone draws."""
        return n if generation == 0 else self._anchors(n) if self.anchor == "fresh" else 0

    def mix(self, generation: int, supply: Supply, rng: "torch.Generator") -> "Samples":
        """Return the anchor, filled up with a random part of the last generation's output."""
        anchors = self._anchors(supply.n)
        real = supply.real(generation) if self.anchor == "fresh" else supply.real(0).take(slice(anchors))
        return _pool([real, _subset(supply.synthetic(generation - 1), supply.n - anchors, rng)])

    def _anchors(self, n: int) -> int:
        return min(max(round(self.real * n), 1), max(n - 1, 1))  # at least one of each


ShareOrAuto = Annotated[
    Annotated[float, Field(gt=0, lt=1), Tag(NUMBER)] | Annotated[Literal["auto"], Tag("auto")],
    Discriminator(lambda value: "auto" if value == "auto" else NUMBER),
]
"""A share in (0, 1), or the word auto."""


class Weighted(Strategy):
    """Fresh real data and n synthetic samples, the real part holding a share of the total weight (law 5; arXiv 2502.18049)."""

    name: ClassVar[str] = "weighted"
    real: Identity[ShareOrAuto] = Field(
        0.618, description="share of the total weight that real data holds; auto: the best one for the ratio"
    )
    ratio: Identity[float] = Field(1.0, gt=0, description="real samples for each synthetic one, r of law 5")

    def fresh(self, n: int, generation: int) -> int:
        """Return ratio n from generation 1 on, at least 1."""
        return n if generation == 0 else max(round(self.ratio * n), 1)

    def training_size(self, n: int, generation: int) -> int:
        """Return n synthetic and ratio n real samples from generation 1 on."""
        return n if generation == 0 else n + self.fresh(n, generation)

    def makes(self, n: int, generation: int) -> int:
        """Return n: every generation makes as many."""
        return n

    def source(self, training: "Samples", supply: Supply) -> "Samples":
        """Return the last n of the training set, so that every generation makes n."""
        return training.take(slice(len(training) - supply.n, None))

    def mix(self, generation: int, supply: Supply, rng: "torch.Generator") -> "Samples":
        """Return real and synthetic samples, weighted; the weights sum to their number."""
        mixed = _pool([supply.real(generation), supply.synthetic(generation - 1)])
        is_real = mixed.is_real().double()
        total, reals = len(mixed), int(is_real.sum())
        share = self._share(reals / (total - reals)) if self.real == "auto" else self.real
        of_real, of_synthetic = share * total / reals, (1 - share) * total / (total - reals)
        return mixed.weighted(is_real * of_real + (1 - is_real) * of_synthetic)

    @staticmethod
    def _share(ratio: float) -> float:
        """Return the share of the weight that keeps the error least, for so many real samples to a synthetic one.

        It is (sqrt(k^2 + 4 k) - k) / 2 of k real to a synthetic one, 0.618 of as many of both (He et al., arXiv 2502.18049).
        """
        return (math.sqrt(ratio**2 + 4 * ratio) - ratio) / 2


class Control(Strategy):
    """Fresh real data every generation, no recursion: what the rule says here is its false alarm."""

    name: ClassVar[str] = "control"
    recursive: ClassVar[bool] = False

    def fresh(self, n: int, generation: int) -> int:
        """Return n: every generation draws its whole training set."""
        return n

    def mix(self, generation: int, supply: Supply, rng: "torch.Generator") -> "Samples":
        """Return this generation's own draw of real data."""
        return supply.real(generation)


registry: Registry[type[Strategy]] = Registry("strategy", group="fortifai.strategies", subclass_of=Strategy)
for _strategy in (Replace, Accumulate, AccumulateSubsample, FreshMix, Anchored, Weighted, Control):
    registry.register(_strategy.name, _strategy)


def resolve(strategy: str | Strategy) -> Strategy:
    """Return the strategy of a name such as ``"fresh-mix:k=6"``; a strategy passes through. Raises UserError."""
    return _resolve(registry, strategy)


def _pool(parts: "list[Samples]") -> "Samples":
    return type(parts[0]).concat(parts)


def _subset(samples: "Samples", size: int, rng: "torch.Generator") -> "Samples":
    from torch import randperm

    return samples.take(randperm(len(samples), generator=rng)[:size])
