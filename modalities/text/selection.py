"""Which epoch's weights a fit gives: the last, or the one that does best on data no model trains on."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor

from fortifai.contract.samples import Samples

from .config import TextData
from .kr_test.accuracy import accuracy
from .kr_test.items import items
from .model.network import LanguageModel

SELECTING_BLOCKS = 256
"""Validation blocks that an epoch is judged on, the first ones."""

Select = Callable[[LanguageModel], float]
TokenNll = Callable[[LanguageModel, Tensor], Tensor]


def selector(
    keep: Literal["last", "validation_nll", "kr_test"], data: TextData, validation: Samples, nll: TokenNll
) -> Select | None:
    """Give the judge of an epoch, higher is better; None where the last epoch is kept."""
    if keep == "last":
        return None
    if keep == "validation_nll":
        tokens = validation["tokens"][:SELECTING_BLOCKS]
        return lambda model: -float(nll(model, tokens).double().mean())
    asked = items(data)
    return lambda model: accuracy(lambda tokens: -nll(model, tokens), asked, model.tokenizer, longest=data.block).value
