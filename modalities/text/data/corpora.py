"""A text by name, by file or by folder, in three parts that do not overlap."""

from dataclasses import dataclass

from fortifai.errors import UserError
from fortifai.sanitise import user_path

from ..config import TextData
from . import imagination, wikitext
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
    """Read and split the text that ``data`` names; the same settings and content give the same parts.

    A text with splits of its own keeps them; any other is cut by position (`splitting.split`).

    Raises:
        UserError: The text, or what it is mixed with, is missing, empty or undecodable, or on the hub without a local copy and
            without a network; or it is to be mixed and does not come with splits of its own.
    """
    if data.source == wikitext.NAME:
        own_splits: tuple[str, str, str] | None = wikitext.from_hub()
    elif data.source in BUNDLED:
        own_splits = None
    else:
        own_splits = wikitext.from_folder(user_path(data.source), data.encoding)
    if own_splits is None and data.mix is not None:
        raise UserError(f"data.mix mixes WikiText with other texts, and data.source {data.source!r} is not like it: leave it out")
    if own_splits is not None:
        train, validation, test = own_splits
        if data.mix is not None:
            train = imagination.interleave(train, data.mix)
        return Corpus(data.source, (train,), (validation,), (test,))
    bundled = BUNDLED.get(data.source)
    text = bundled() if bundled else read_path(data.source, data.encoding, [*BUNDLED, wikitext.NAME])
    return Corpus(data.source, *split(text, data.validation, data.test))
