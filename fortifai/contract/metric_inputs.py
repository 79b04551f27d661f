"""What a metric is given."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor

from fortifai.contract.modality import Modality
from fortifai.contract.samples import Samples, Splits
from fortifai.randomness import stream

T = TypeVar("T")

Part = Literal["real", "synthetic"]
"""Which samples a model is asked about: the held-out real test split, or its own."""


@dataclass(frozen=True)
class MetricInputs:
    """One generation as a metric sees it.

    ``splits``: the real data. ``synthetic``: what the generation made, at most the regime's n. ``model``: None where only data
    is measured (a null). ``cache`` lives as long as the chain: what depends on real data alone is computed once. ``first`` gives
    the chain's model of generation 0.
    """

    splits: Splits
    synthetic: Samples
    adapter: Modality[Any]
    model: Any = None
    cache: dict[str, Any] = field(default_factory=dict)
    first: Callable[[], Any] | None = None
    _generation: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def real(self) -> Samples:
        """The held-out real test split."""
        return self.splits.test

    @property
    def first_model(self) -> Any:
        """The chain's model of generation 0, for metrics that declare that they need it."""
        if self.first is None:
            raise ValueError("a metric that reads the first model declares 'first_model' among its needs")
        return self.once("first model", self.first)

    def once(self, key: str, compute: Callable[[], T]) -> T:
        """Compute something that depends on the real data alone, the first time a chain asks for it."""
        return _computed(self.cache, key, compute)

    def shared(self, key: str, compute: Callable[[], T]) -> T:
        """Compute something that several metrics of one generation need, the first time that one asks for it."""
        return _computed(self._generation, key, compute)

    def nll(self, part: Part) -> Tensor:
        """Negative log-likelihood of every element of the real test split or of the model's own samples, in nats."""
        return self._ask("nll", part)

    def confidence(self, part: Part) -> Tensor:
        """Confidence of the model in every element of the real test split or of its own samples, in [0, 1]."""
        return torch.exp(-self.nll(part)) if self.adapter.categorical else self._ask("confidence", part)

    def _ask(self, question: Literal["nll", "confidence"], part: Part) -> Tensor:
        # Once a generation, however many metrics need it: for a language model this is most of the cost of measuring.
        def ask() -> Tensor:
            answer: Tensor = getattr(self.adapter, question)(self.model, getattr(self, part))
            return answer

        return self.shared(f"{question} {part}", ask)

    def stream(self, metric: str) -> torch.Generator:
        """Random numbers of a metric: the same in every generation, seed and null, so that they cancel in comparisons."""
        return stream("metric", metric)


def _computed(kept: dict[str, Any], key: str, compute: Callable[[], T]) -> T:
    if key not in kept:
        kept[key] = compute()
    value: T = kept[key]
    return value
