"""What a metric is handed: one generation, beside the real data."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import torch
from torch import Tensor
from typing_extensions import TypeVar as TypeVarWithDefault  # typing's own has no defaults before Python 3.13

from fortifai.contract.checks import check_likelihood
from fortifai.contract.modality import AnyModality, Likelihood, Modality
from fortifai.contract.samples import Samples, Splits
from fortifai.randomness import stream

T = TypeVar("T")
AdapterT = TypeVarWithDefault("AdapterT", bound=Modality[Any, Any, Any, Any], default=AnyModality)
ModelT = TypeVarWithDefault("ModelT", default=object)

Part = Literal["real", "synthetic"]
"""Which samples a model is asked about: the held-out real test split, or its own."""


@dataclass(frozen=True)
class MetricInputs(Generic[AdapterT, ModelT]):
    """One generation as a metric sees it.

    A metric of one modality names the types that it needs: ``MetricInputs[LanguageModelAdapter, LanguageModel]``.

    Attributes:
        adapter: The adapter, with the real data that it is bound to.
        synthetic: What the generation made, at most the regime's n samples.
        fitted: The generation's model; None where only data is measured (a null).
        cache: Lives as long as the chain; see `once`.
        first: Returns the chain's model of generation 0; see `first_model`.
    """

    adapter: AdapterT
    synthetic: Samples
    fitted: ModelT | None = None
    cache: dict[str, Any] = field(default_factory=dict)
    first: Callable[[], ModelT] | None = None
    _generation: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def splits(self) -> Splits:
        """The real data."""
        return self.adapter.splits

    @property
    def real(self) -> Samples:
        """The held-out real test split."""
        return self.splits.test

    @property
    def model(self) -> ModelT:
        """The generation's model, for metrics that declare that they read it."""
        if self.fitted is None:
            raise ValueError("a metric that reads the model declares 'model' in reads")
        return self.fitted

    @property
    def first_model(self) -> ModelT:
        """The chain's model of generation 0, for metrics that declare that they read it."""
        if self.first is None:
            raise ValueError("a metric that reads the first model declares 'first_model' in reads")
        return self.once("first model", self.first)

    def once(self, key: str, compute: Callable[[], T]) -> T:
        """Return what depends on the real data alone: computed the first time that a chain asks for it.

        Args:
            key: Names it within the chain.
            compute: Called without arguments.
        """
        return _computed(self.cache, key, compute)

    def shared(self, key: str, compute: Callable[[], T]) -> T:
        """Return what several metrics of one generation read: computed the first time that one of them asks for it.

        Args:
            key: Names it within the generation.
            compute: Called without arguments.
        """
        return _computed(self._generation, key, compute)

    def nll(self, part: Part) -> Tensor:
        """Return the negative log-likelihood of every element of the test split or of the model's samples, (n, ...), in nats.

        NaN where the models have none.
        """
        return self.likelihood(part).nll

    def confidence(self, part: Part) -> Tensor:
        """Return the model's confidence in every element of the test split or of its samples, (n, ...), >= 0."""
        return self.likelihood(part).confidence

    def stream(self, metric: str) -> torch.Generator:
        """Return a metric's random numbers: the same in every generation, seed and null, so that they cancel in comparisons."""
        return stream("metric", metric)

    def likelihood(self, part: Part) -> Likelihood:
        """Return both, `nll` and `confidence`."""
        # Once a generation, however many metrics read it: for a language model this is most of the cost of measuring.
        samples = self.real if part == "real" else self.synthetic
        return self.shared(f"likelihood {part}", lambda: self._asked(samples))

    def _asked(self, samples: Samples) -> Likelihood:
        likelihood = self.adapter.likelihood(self.model, samples)
        check_likelihood(self.adapter, likelihood, samples)
        return likelihood


def _computed(memory: dict[str, Any], key: str, compute: Callable[[], T]) -> T:
    if key not in memory:
        memory[key] = compute()
    value: T = memory[key]
    return value
