"""The KR-test, knowledge retention: of two continuations of a context, does the model find the true one more likely?

The measure, and the format of its files, are those of the authors of TCE (arXiv 2509.08972).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fortifai.fidelity.intervals import wilson

from ..model.tokenizer import Tokenizer
from .item import Item

TOKENS_AT_ONCE = 16_384

Score = Callable[[Tensor], Tensor]
"""From tokens, int32 (n, T), to the log-probability of each after those before it, (n, T)."""


@dataclass(frozen=True)
class Accuracy:
    """The share of items answered rightly, with its Wilson 95 % interval, and each answer.

    ``margins``: float64 (n,), mean log-probability of the true continuation less that of the false one, in nats a token.
    """

    value: float
    low: float
    high: float
    margins: NDArray[np.float64]

    @classmethod
    def of(cls, margins: NDArray[np.float64]) -> Self:
        """Count margins above 0 as right, and half of those that are 0 (rounded down): a model that knows nothing has 50 %."""
        right = int((margins > 0).sum()) + int((margins == 0).sum()) // 2
        share = wilson(right, len(margins))
        if share is None or share.low is None or share.high is None:
            raise ValueError("a KR-test needs at least one item")
        return cls(share.value, share.low, share.high, margins)

    def by_fraction(self, items: Sequence[Item], k: int) -> list["Accuracy | None"]:
        """Give the accuracy in each of k equal fractions of the text, by location; None where a fraction has no item."""
        location = np.array([item.location for item in items])
        fraction = np.minimum((location - location.min()) * k // max(1, np.ptp(location) + 1), k - 1)
        return [Accuracy.of(self.margins[fraction == i]) if (fraction == i).any() else None for i in range(k)]


def accuracy(score: Score, items: Sequence[Item], tokenizer: Tokenizer, longest: int | None = None) -> Accuracy:
    """Give the share of items whose true continuation has the higher mean log-probability, over the length of the shorter one.

    A continuation follows its context after a blank, unless the context ends in white space. ``longest``: most tokens that
    the model reads; a longer context loses its beginning.
    """
    pairs = [_pair(item, tokenizer, longest) for item in items]
    margins = np.zeros(len(pairs))
    order = sorted(range(len(pairs)), key=lambda i: pairs[i].tokens.shape[1])
    while order:
        width = pairs[order[0]].tokens.shape[1]
        # Sorted by length, so a batch pads next to nothing; every item is two rows of it.
        size = max(1, TOKENS_AT_ONCE // (2 * max(width, 1)))
        batch, order = order[:size], order[size:]
        width = pairs[batch[-1]].tokens.shape[1]
        rows = torch.full((2 * len(batch), width), tokenizer.begin, dtype=torch.int32)
        for row, i in enumerate(batch):
            rows[2 * row : 2 * row + 2, : pairs[i].tokens.shape[1]] = pairs[i].tokens
        found = score(rows).detach().double().cpu()
        for row, i in enumerate(batch):
            read_from, read_to = pairs[i].context, pairs[i].tokens.shape[1]
            true, false = found[2 * row : 2 * row + 2, read_from:read_to].mean(dim=1).tolist()
            # The same tokens are the same likelihood, whatever the products of a batch round to.
            margins[i] = 0.0 if torch.equal(*pairs[i].tokens) else true - false
    return Accuracy.of(margins)


@dataclass(frozen=True)
class _Pair:
    """Both continuations, cut to the shorter, after the context: int32 (2, T), the first ``context`` of them the context's."""

    tokens: Tensor
    context: int


def _pair(item: Item, tokenizer: Tokenizer, longest: int | None) -> _Pair:
    blank = "" if item.context[-1:].isspace() or not item.context else " "
    context, *both = (tokenizer.encode(text) for text in (item.context, blank + item.sentence_true, blank + item.sentence_false))
    shorter = min(map(len, both))
    if longest is not None:
        shorter = min(shorter, longest)
        context = context[len(context) - min(len(context), longest - shorter) :]
    return _Pair(torch.tensor([context + tokens[:shorter] for tokens in both], dtype=torch.int32), len(context))
