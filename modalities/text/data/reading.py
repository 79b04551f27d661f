"""A user's file, or folder of .txt files, as one text, or an error that says what is wrong with it and where."""

from collections.abc import Sequence
from difflib import get_close_matches
from encodings.aliases import aliases
from pathlib import Path

from fortifai.errors import UserError, did_you_mean
from fortifai.sanitise import user_path

_NOT_OF_TEXT = {"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}
_TEXT_ENCODINGS = sorted({codec for codec in aliases.values() if codec not in _NOT_OF_TEXT} | {"latin_1", "utf_8"})


def read_path(source: str, encoding: str, known: Sequence[str]) -> str:
    """Return the text of a file, or of all .txt files in a folder and below it, in the order of their paths.

    Args:
        source: The path, in which ``~`` stands for the home folder.
        encoding: Of every file, as Python names it.
        known: The texts that go by a name, one of which may be misspelt in ``source``.

    Raises:
        UserError: The path is missing, has no .txt files, is empty, or is not in this encoding.
    """
    path = user_path(source)
    if not path.exists():
        hint = did_you_mean(source, known) or f"texts by name: {', '.join(known)}"
        raise UserError(f"no text file or folder {source!r}, and no text of that name; {hint}")
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*.txt") if file.is_file())
    if not files:
        raise UserError(f"{source} is a folder without .txt files")
    texts = [read_decoded(file, encoding) for file in files]
    if not any(text.strip() for text in texts):
        raise UserError(f"{source} has no text in it")
    return "".join(text if text.endswith("\n") or len(texts) == 1 else f"{text}\n" for text in texts)


def read_decoded(file: Path, encoding: str) -> str:
    """Return the text of a file, with every line break as a newline, and without a byte-order mark.

    Args:
        file: The file.
        encoding: As Python names it.

    Raises:
        UserError: The encoding is unknown, the file cannot be read, or it has bytes that are not in the encoding, or that no
            text has in it; the message names the position of the first.
    """
    try:
        text = file.read_bytes().decode(encoding)
        text.encode()  # some encodings of programmers decode to halves of characters, which no tokenizer takes
    except LookupError:  # also for the codecs that decode to bytes instead of text
        near = get_close_matches(encoding.lower().replace("-", "_"), _TEXT_ENCODINGS, n=1)
        hint = f"did you mean {near[0].replace('_', '-')!r}?" if near else "utf-8, latin-1, cp1252 and utf-16 are common"
        raise UserError(f"data.encoding={encoding!r} is not a text encoding; {hint}") from None
    except UnicodeDecodeError as error:
        where = f"byte {error.object[error.start]:#04x} at offset {error.start}"
        raise UserError(f"{file} is not {encoding}: {where}; name its encoding, such as data.encoding=latin-1") from None
    except UnicodeEncodeError as error:
        raise UserError(f"{file} holds {error.object[error.start]!r} at character {error.start}, half of a character") from None
    except ValueError as error:  # of a name that holds NUL, and of codecs that are not of texts
        raise UserError(f"data.encoding={encoding!r} does not read {file}: {error}") from None
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None
    if "\0" in text:
        where, remedy = f"NUL at character {text.index(chr(0))}", "name its encoding, such as data.encoding=utf-16-le"
        raise UserError(f"{file} is not a text in {encoding}, since it holds {where}; {remedy}")
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
