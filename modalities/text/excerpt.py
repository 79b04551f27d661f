"""A paragraph of samples, for people to read what became of a text."""

from collections.abc import Iterable

LENGTH = 400
"""Characters of a paragraph: enough to tell English from babble, few enough to read one a generation."""


def paragraph(blocks: Iterable[str]) -> str:
    """Join blocks of text until they fill a paragraph of `LENGTH` characters, on one line, with a bar between blocks.

    White space is narrowed to one space, what cannot be printed shows as the replacement character, and an ellipsis says that
    there is more.
    """
    text = ""
    for block in blocks:
        text += (" | " if text else "") + " ".join(block.split())
        if len(text) > LENGTH:
            text = text[:LENGTH].rstrip() + "…"
            break
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
