"""What a language model still knows of the real text: its accuracy in the KR-test, and in BLiMP by the same score."""

from functools import partial
from typing import TYPE_CHECKING

from fortifai.contract.metric_inputs import MetricInputs
from fortifai.errors import UserError

from ..kr_test import blimp as blimp_items
from ..kr_test.accuracy import Accuracy
from ..selection import accuracy_of
from .declared import FRACTIONS

if TYPE_CHECKING:
    from ..adapter import LanguageModelAdapter
    from ..model.network import LanguageModel


def require_items(adapter: "LanguageModelAdapter") -> None:
    """Raise UserError if the text has no KR-test items, or if their file is wrong."""
    _ = adapter.kr_items  # made once, here already, or refused


def require_fractions(adapter: "LanguageModelAdapter") -> None:
    """Raise UserError if the text has no KR-test items, or fewer than the fractions that they are to tell apart."""
    if (items := len(adapter.kr_items)) < FRACTIONS:
        raise UserError(f"the KR-test has {items} items, which cannot be told apart by {FRACTIONS} fractions of the text")


def require_blimp(adapter: "LanguageModelAdapter", argument: str) -> None:
    """Raise UserError if the sentences of a subset of BLiMP are missing or wrong.

    Args:
        adapter: Whose data configuration says where they are.
        argument: The subset's name.
    """
    blimp_items.read(adapter.data.blimp, argument)


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


def kr_test_upto_stage(inputs: "MetricInputs[LanguageModelAdapter, LanguageModel]") -> float:
    """Return the accuracy on the items of fractions 0 to g, in [0, 1]: what `fresh-mix:k=6` has shown by generation g.

    Where real data comes in another order than that of the text (``data.order``), it means no more than any other items would.
    """
    generation = int(inputs.synthetic.origin[0])
    return _kr_test(inputs).of_fractions(inputs.adapter.kr_items, FRACTIONS, 0, generation).value


def blimp(inputs: "MetricInputs[LanguageModelAdapter, LanguageModel]", argument: str) -> float:
    """Return the share of BLiMP's pairs whose grammatical sentence is likelier, by the score of the KR-test, in [0, 1].

    It is the authors' score: the mean log-probability of a token over the length of the shorter sentence, and not the sum over
    the whole sentence as in BLiMP's own.

    Args:
        inputs: The generation; its model alone is read.
        argument: The subset's name, such as adjunct_island.

    Raises:
        UserError: Its sentences are missing or wrong.
    """
    where = inputs.adapter.data.blimp
    items = inputs.once(f"blimp {argument}", lambda: blimp_items.read(where, argument))
    return accuracy_of(inputs.model, items, inputs.adapter.token_nll).value


def _in_fraction(inputs: "MetricInputs[LanguageModelAdapter, LanguageModel]", fraction: int) -> float:
    return _kr_test(inputs).of_fractions(inputs.adapter.kr_items, FRACTIONS, fraction, fraction).value


kr_test_fraction_0 = partial(_in_fraction, fraction=0)
kr_test_fraction_1 = partial(_in_fraction, fraction=1)
kr_test_fraction_2 = partial(_in_fraction, fraction=2)
kr_test_fraction_3 = partial(_in_fraction, fraction=3)
kr_test_fraction_4 = partial(_in_fraction, fraction=4)
kr_test_fraction_5 = partial(_in_fraction, fraction=5)


def _kr_test(inputs: "MetricInputs[LanguageModelAdapter, LanguageModel]") -> Accuracy:
    adapter = inputs.adapter
    return inputs.shared("kr_test", lambda: accuracy_of(inputs.model, adapter.kr_items, adapter.token_nll))
