"""What a language model still knows of the text that generation 0 was trained on: its accuracy in the KR-test."""

from typing import TYPE_CHECKING

from fortifai.contract.metric_inputs import MetricInputs

from ..kr_test.accuracy import Accuracy, accuracy

if TYPE_CHECKING:
    from ..adapter import LanguageModelAdapter
    from ..model.network import LanguageModel


def require_items(adapter: "LanguageModelAdapter") -> None:
    """Raise UserError if the text has no KR-test items, or if their file is wrong."""
    _ = adapter.kr_items  # made once, here already, or refused


def kr_test_accuracy(inputs: "MetricInputs[LanguageModelAdapter, LanguageModel]") -> float:
    """Return the share of KR-test items whose true continuation is likelier than the false one: in [0, 1], 0.5 by chance.

    The items are those of ``data.kr_test``, or those that come with the text.

    Raises:
        UserError: The text has none.
    """
    return _kr_test(inputs).value


def kr_test_low(inputs: "MetricInputs[LanguageModelAdapter, LanguageModel]") -> float:
    """Return the lower end of the Wilson 95 % interval of `kr_test_accuracy`, in [0, 1].

    Its unit is the item: it is about one model, not about its chain.
    """
    return _kr_test(inputs).low


def kr_test_high(inputs: "MetricInputs[LanguageModelAdapter, LanguageModel]") -> float:
    """Return the upper end of that interval, in [0, 1]."""
    return _kr_test(inputs).high


def _kr_test(inputs: "MetricInputs[LanguageModelAdapter, LanguageModel]") -> Accuracy:
    return inputs.shared("kr_test", lambda: _ask(inputs.adapter, inputs.model))


def _ask(adapter: "LanguageModelAdapter", model: "LanguageModel") -> Accuracy:
    longest = model.network.config.get_text_config().max_position_embeddings
    return accuracy(lambda tokens: -adapter.token_nll(model, tokens), adapter.kr_items, model.tokenizer, longest)
