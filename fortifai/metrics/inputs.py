"""What a metric is given."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

from fortifai.modality import Modality, Samples, Splits
from fortifai.randomness import stream

T = TypeVar("T")


@dataclass(frozen=True)
class MetricInputs:
    """One generation as a metric sees it.

    ``splits``: the real data. ``synthetic``: what the generation made, at most the regime's n. ``model``: None where only data
    is measured (a null). ``cache`` lives as long as the chain: what depends on real data alone is computed once.
    """

    splits: Splits
    synthetic: Samples
    adapter: Modality[Any]
    model: Any = None
    cache: dict[str, Any] = field(default_factory=dict)

    @property
    def real(self) -> Samples:
        """The held-out real test split."""
        return self.splits.test

    def once(self, key: str, compute: Callable[[], T]) -> T:
        """Compute something that depends on the real data alone, the first time a chain asks for it."""
        if key not in self.cache:
            self.cache[key] = compute()
        value: T = self.cache[key]
        return value

    def stream(self, metric: str) -> torch.Generator:
        """Random numbers of a metric: the same in every generation, seed and null, so that they cancel in comparisons."""
        return stream("metric", metric)
