"""What judges a model after every epoch, so that a fit keeps the best one by data that no model trains on."""

from collections.abc import Callable, Sequence

from torch import Tensor

from .kr_test.accuracy import Accuracy, accuracy
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


def by_kr_test(items: Sequence[Item], token_nll: TokenNll) -> Judge:
    """Return the judge that prefers the model with the highest accuracy in a KR-test, in [0, 1].

    Args:
        items: The items of the test.
        token_nll: The likelihood of tokens under a model.
    """
    return lambda model: accuracy_of(model, items, token_nll).value


def accuracy_of(model: LanguageModel, items: Sequence[Item], token_nll: TokenNll) -> Accuracy:
    """Return a model's accuracy on items, whose contexts lose their beginnings where they are longer than it can read.

    Args:
        model: The model that is asked.
        items: At least one.
        token_nll: The likelihood of tokens under a model.
    """
    longest = model.network.config.get_text_config().max_position_embeddings
    return accuracy(lambda tokens: -token_nll(model, tokens), items, model.tokenizer, longest)
