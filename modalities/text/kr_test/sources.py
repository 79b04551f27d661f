"""Which items go with a text: those of the user's file, or those that are made from a bundled text."""

from fortifai.errors import UserError
from fortifai.sanitise import user_path

from ..config import TextData
from ..data import corpora
from . import king_james
from .items import Item, read_items

MADE_FROM = "king-james"
"""The text that items are made from; no other comes with any."""


def items_for(data: TextData) -> tuple[Item, ...]:
    """Return the items of the file ``data.kr_test``, or, without one, those that are made from the bundled text.

    Raises:
        UserError: The file is missing or wrong, or the text comes without items.
    """
    if data.kr_test is not None:
        return read_items(user_path(data.kr_test))
    if data.source != MADE_FROM:
        raise UserError(
            f"no KR-test comes with the text {data.source!r}: name a file of items as data.kr_test, or take {MADE_FROM}"
        )
    return king_james.make_items(corpora.read(data))
