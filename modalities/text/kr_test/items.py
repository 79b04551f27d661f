"""An item of a KR-test, and files of items in the format of the authors of TCE (arXiv 2509.08972)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fortifai.config import explain
from fortifai.errors import UserError

from ..data.reading import read_decoded

MOST_MISTAKES = 5
"""Mistakes in a file that are shown, the first ones."""


class Item(BaseModel):
    """A context with its true continuation and a false one.

    Attributes:
        context: What both continuations follow; may be empty.
        sentence_true: The continuation as it stands in the text.
        sentence_false: A continuation that the text contradicts.
        location: Where in the text the item stands: a count, >= 0, that rises with position.
    """

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


def read_items(file: Path) -> tuple[Item, ...]:
    """Read items from a JSON list, or from JSON lines, in UTF-8.

    Raises:
        UserError: The file is missing, has no items, or has wrong ones, each of which is named with its line and key.
    """
    if not file.is_file():
        raise UserError(f"no KR-test file {str(file)!r}")
    text = read_decoded(file, "utf-8")
    try:
        values = list(_values_of_list(text) if text.lstrip().startswith("[") else _values_of_lines(text))
    except json.JSONDecodeError as error:
        raise UserError(f"{file}: line {error.lineno} is not JSON: {error.msg}") from None
    items, mistakes = [], []
    for number, (line, value) in enumerate(values, start=1):
        try:
            items.append(Item.model_validate(value))
        except ValidationError as error:
            mistakes += [f"item {number} (line {line}): {mistake}" for mistake in explain(error)]
    if mistakes:
        more = f"; and {len(mistakes) - MOST_MISTAKES} more" if len(mistakes) > MOST_MISTAKES else ""
        raise UserError(f"{file}: {'; '.join(mistakes[:MOST_MISTAKES])}{more}")
    if not items:
        raise UserError(f"{file} has no items")
    return tuple(items)


def _values_of_lines(text: str) -> Iterator[tuple[int, Any]]:
    """Yield the JSON value of every line that is not blank, with the number of the line."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                raise json.JSONDecodeError(error.msg, "\n" * (number - 1) + line, number - 1 + error.pos) from None


def _values_of_list(text: str) -> Iterator[tuple[int, Any]]:
    """Yield the values of a JSON list, with the number of the line that each begins in."""
    json.loads(text)  # whether it is one at all; below, only what stands between its values is skipped
    at, decoder = text.index("[") + 1, json.JSONDecoder()
    while True:
        at = next(i for i in range(at, len(text)) if not (text[i].isspace() or text[i] == ","))
        if text[at] == "]":
            return
        line = text.count("\n", 0, at) + 1
        value, at = decoder.raw_decode(text, at)
        yield line, value
