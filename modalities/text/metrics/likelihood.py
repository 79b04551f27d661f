"""What a language model thinks of real text and of its own."""

from typing import TYPE_CHECKING, cast

import torch

from fortifai.contract.metric_inputs import MetricInputs

from ..kr_test import accuracy as kr_test

if TYPE_CHECKING:
    from ..adapter import LanguageModelAdapter


def perplexity(inputs: MetricInputs) -> float:
    """exp of the mean negative log-likelihood of a token of the real test split: >= 1, infinite beyond the range of a float.

    Per token of the model's own vocabulary, so comparable between models of one tokenizer only.
    """
    return float(torch.exp(inputs.nll("real").double().mean()))


def nll_gap(inputs: MetricInputs) -> float:
    """Mean negative log-likelihood of the model's own samples minus that of held-out real text, in nats per token.

    Below 0 where the model is surer of its own text than of real text; the confidence gap weighs the likely tokens, this one
    the unlikely.
    """
    return float(inputs.nll("synthetic").double().mean() - inputs.nll("real").double().mean())


def check_kr_test(adapter: "LanguageModelAdapter") -> None:
    """Raise UserError for a text without items, and for a file of them that is wrong."""
    assert adapter.kr_items


def kr_test_accuracy(inputs: MetricInputs) -> float:
    """Share of the items of the text's KR-test whose true continuation is more likely than the false one: 0 to 1, 0.5 by chance.

    The items are those of ``data.kr_test``, or those that come with the text. Raises UserError for a text without any.
    """
    return _kr_test(inputs).value


def kr_test_low(inputs: MetricInputs) -> float:
    """Lower end of the Wilson 95 % interval of `kr_test_accuracy`, whose unit is the item: of one model, not of its chain."""
    return _kr_test(inputs).low


def kr_test_high(inputs: MetricInputs) -> float:
    """Upper end of that interval."""
    return _kr_test(inputs).high


def _kr_test(inputs: MetricInputs) -> kr_test.Accuracy:
    return inputs.shared("kr_test", lambda: _asked(inputs))


def _asked(inputs: MetricInputs) -> kr_test.Accuracy:
    adapter = cast("LanguageModelAdapter", inputs.adapter)
    model, longest = inputs.model, inputs.model.network.config.get_text_config().max_position_embeddings
    return kr_test.accuracy(lambda tokens: -adapter.token_nll(model, tokens), adapter.kr_items, model.tokenizer, longest)
