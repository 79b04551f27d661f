"""What judges a model after every epoch, so that a fit keeps the best one by data that no model trains on."""

from collections.abc import Callable, Sequence

from torch import Tensor

from .kr_test.accuracy import accuracy
from .kr_test.items import Item
from .model.network import LanguageModel

SELECTING_BLOCKS = 256
"""Validation blocks that an epoch is judged on, the first ones."""

Judge = Callable[[LanguageModel], float]
"""From a model to its score; higher is better."""

TokenNll = Callable[[LanguageModel, Tensor], Tensor]
"""From a model and tokens, int32 (n, T), to the negative log-likelihood of each, (n, T), in nats."""


def by_validation_nll(validation: Tensor, token_nll: TokenNll) -> Judge:
    """Return the judge that prefers the model to which validation text is likeliest.

    Args:
        validation: The blocks of the validation split, int32 (n, T).
        token_nll: The likelihood of tokens under a model.
    """
    tokens = validation[:SELECTING_BLOCKS]
    return lambda model: -float(token_nll(model, tokens).double().mean())


def by_kr_test(items: Sequence[Item], longest: int, token_nll: TokenNll) -> Judge:
    """Return the judge that prefers the model with the highest accuracy in a KR-test, in [0, 1].

    Args:
        items: The items of the test.
        longest: The most tokens of context and continuation that the model reads.
        token_nll: The likelihood of tokens under a model.
    """
    return lambda model: accuracy(lambda tokens: -token_nll(model, tokens), items, model.tokenizer, longest).value
