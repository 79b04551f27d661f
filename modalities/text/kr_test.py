"""The KR-test, knowledge retention: of two continuations of a context, does the model find the true one more likely?

The measure, and the format of its files, are those of the authors of TCE (arXiv 2509.08972).
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor

from fortifai.config import explain
from fortifai.errors import UserError
from fortifai.fidelity.intervals import wilson

from . import corpora
from .config import TextData
from .reading import decoded
from .tokenizer import Tokenizer

MADE_FROM = "king-james"
"""The text for which items come with fortifai."""

TOKENS_AT_ONCE = 16_384

Score = Callable[[Tensor], Tensor]
"""From tokens, int32 (n, T), to the log-probability of each after those before it, (n, T)."""


class Item(BaseModel):
    """A context, its true continuation and a false one, and where in the text it stands (a count that rises with position)."""

    model_config = ConfigDict(frozen=True)

    context: str
    sentence_true: str = Field(pattern=r"\S")
    sentence_false: str = Field(pattern=r"\S")
    location: int = Field(ge=0)

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.sentence_true == self.sentence_false:
            raise ValueError("sentence_true and sentence_false are the same")
        return self


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


@lru_cache(maxsize=4)
def items(data: TextData) -> tuple[Item, ...]:
    """Give the items that go with a text: those of the file ``data.kr_test``, or those made from the bundled text.

    Raises UserError for a file that is missing or wrong, and for a text that comes without items.
    """
    if data.kr_test is not None:
        return read(Path(data.kr_test).expanduser())
    if data.source != MADE_FROM:
        raise UserError(
            f"no KR-test comes with the text {data.source!r}: name a file of items as data.kr_test, or take {MADE_FROM}"
        )
    from . import kr_items

    return kr_items.make(corpora.read(data))


def read(file: Path) -> tuple[Item, ...]:
    """Read items from a JSON list, or from JSON lines, in UTF-8.

    Raises UserError for what is wrong in them, each with its item, line and key.
    """
    if not file.is_file():
        raise UserError(f"no KR-test file {str(file)!r}")
    text = decoded(file, "utf-8")
    try:
        raw = list(_list(text) if text.lstrip().startswith("[") else _lines(text))
    except json.JSONDecodeError as error:
        raise UserError(f"{file}: line {error.lineno} is not JSON: {error.msg}") from None
    found, wrong = [], []
    for number, (line, value) in enumerate(raw, start=1):
        try:
            found.append(Item.model_validate(value))
        except ValidationError as error:
            wrong += [f"item {number} (line {line}): {said}" for said in explain(error)]
    if wrong:
        more = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise UserError(f"{file}: {'; '.join(wrong[:5])}{more}")
    if not found:
        raise UserError(f"{file} has no items")
    return tuple(found)


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


def _lines(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                raise json.JSONDecodeError(error.msg, "\n" * (number - 1) + line, number - 1 + error.pos) from None


def _list(text: str) -> Iterator[tuple[int, Any]]:
    """Give the values of a JSON list with the line that each begins in."""
    json.loads(text)  # whether it is one at all; below, only what stands between its values is skipped
    at, decoder = text.index("[") + 1, json.JSONDecoder()
    while True:
        at = next(i for i in range(at, len(text)) if not (text[i].isspace() or text[i] == ","))
        if text[at] == "]":
            return
        line = text.count("\n", 0, at) + 1
        value, at = decoder.raw_decode(text, at)
        yield line, value
