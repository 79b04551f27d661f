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
from .items import Item

TOKENS_AT_ONCE = 16_384
"""Tokens of one batch, which is what its memory depends on."""

Score = Callable[[Tensor], Tensor]
"""From tokens, int32 (n, T), to the log-probability of each after those before it, (n, T), in nats."""


@dataclass(frozen=True)
class Accuracy:
    """The share of items that were answered rightly, and every answer.

    Attributes:
        value: The share, in [0, 1]; 0.5 by chance.
        low: The lower end of its Wilson 95 % interval.
        high: The upper end of that interval.
        margins: float64 (n,), mean log-probability of the true continuation minus that of the false one, in nats a token.
    """

    value: float
    low: float
    high: float
    margins: NDArray[np.float64]

    @classmethod
    def of(cls, margins: NDArray[np.float64]) -> Self:
        """Count margins, float64 (n,), above 0 as right, and equal ones as wrong, as the authors do.

        Raises:
            ValueError: There are no margins.
        """
        right = int((margins > 0).sum())
        share = wilson(right, len(margins))
        if share is None or share.low is None or share.high is None:
            raise ValueError("a KR-test needs at least one item")
        return cls(share.value, share.low, share.high, margins)

    def of_fractions(self, items: Sequence[Item], k: int, first: int, last: int) -> Self:
        """Return the accuracy in neighbouring ones of k fractions of the text.

        As in the authors' code a fraction is n // k items in the order of their location, and what is left over is in none.

        Args:
            items: The n items of the test, in the order of the margins.
            k: The number of fractions, from 1 to n.
            first: The first fraction that counts, from 0.
            last: The last one; those beyond k - 1 do not exist.
        """
        in_order = self.margins[np.argsort([item.location for item in items], kind="stable")]
        size = len(in_order) // k
        return self.of(in_order[first * size : min(last + 1, k) * size])


def accuracy(score: Score, items: Sequence[Item], tokenizer: Tokenizer, longest: int | None = None) -> Accuracy:
    """Return the share of items whose true continuation has the higher mean log-probability.

    Both means are over the length of the shorter continuation. A continuation follows its context after a blank, unless the
    context ends in white space.

    Args:
        score: The model that is asked.
        items: The items of the test, at least one.
        tokenizer: The model's.
        longest: The most tokens that the model reads; a longer context loses its beginning. None: any number.
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
        log_p = score(rows).detach().double().cpu()
        for row, i in enumerate(batch):
            start, stop = pairs[i].context, pairs[i].tokens.shape[1]
            true, false = log_p[2 * row : 2 * row + 2, start:stop].mean(dim=1).tolist()
            # The same tokens are the same likelihood, whatever the products of a batch round to.
            margins[i] = 0.0 if torch.equal(*pairs[i].tokens) else true - false
    return Accuracy.of(margins)


@dataclass(frozen=True)
class _Pair:
    """Both continuations of an item after its context, cut to the shorter one.

    Attributes:
        tokens: int32 (2, T), the true one first.
        context: How many of the T tokens are the context's.
    """

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
