"""The items of a KR-test: read from a file in the format of the authors, or made from a bundled text."""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fortifai.config import explain
from fortifai.errors import UserError

from ..config import TextData
from ..data import corpora
from ..data.reading import decoded
from .item import Item

MADE_FROM = "king-james"
"""The text for which items come with fortifai."""


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
    from . import king_james as kr_items

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
