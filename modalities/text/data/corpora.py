"""The texts by name, by file or by folder, each in three parts that do not overlap."""

from dataclasses import dataclass
from pathlib import Path

from ..config import TextData
from . import wikitext
from .bundled import BUNDLED
from .reading import read_path
from .splitting import split


@dataclass(frozen=True)
class Corpus:
    """A text in three parts that do not overlap, each a few long stretches in document order."""

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def read(data: TextData) -> Corpus:
    """Read and split the text that ``data`` names: the same settings and content, the same parts.

    A text with splits of its own keeps them; any other is cut by position (`splitting.split`). Raises UserError for a text that
    is missing, empty or undecodable, and for WikiText-2 without a copy and a network.
    """
    if data.source == wikitext.NAME:
        own: tuple[str, str, str] | None = wikitext.from_hub()
    else:
        own = wikitext.from_folder(Path(data.source).expanduser(), data.encoding) if data.source not in BUNDLED else None
    if own is not None:
        train, validation, test = own
        return Corpus(data.source, (train,), (validation,), (test,))
    known = BUNDLED.get(data.source)
    text = known() if known else read_path(data.source, data.encoding, [*BUNDLED, wikitext.NAME])
    return Corpus(data.source, *split(text, data.validation, data.test))
