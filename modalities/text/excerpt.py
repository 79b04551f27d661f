"""A paragraph of samples, from which a person sees what became of a text."""

from collections.abc import Iterable

LENGTH = 400
"""Characters of a paragraph: enough to tell English from babble, few enough to read one for each generation."""


def paragraph(blocks: Iterable[str]) -> str:
    """Join blocks of text, a bar between them, until they fill one line of `LENGTH` characters.

    Every run of white space becomes one space, what cannot be printed becomes the replacement character, and an ellipsis at the
    end means that there is more. Blocks beyond the line are not asked for.
    """
    text = ""
    for block in blocks:
        text += (" | " if text else "") + " ".join(block.split())
        if len(text) > LENGTH:
            text = text[:LENGTH].rstrip() + "…"
            break
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
