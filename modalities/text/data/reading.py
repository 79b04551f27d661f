"""A user's file, or folder of .txt files, as one text, or a clear word on what is wrong with it and where."""

from collections.abc import Sequence
from difflib import get_close_matches
from encodings.aliases import aliases
from pathlib import Path

from fortifai.errors import UserError

_NO_TEXT = {"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}
_TEXT_ENCODINGS = sorted({codec for codec in aliases.values() if codec not in _NO_TEXT} | {"latin_1", "utf_8"})


def read_path(source: str, encoding: str, known: Sequence[str]) -> str:
    """Read a text file, or all .txt files in a folder and below, in the order of their paths.

    Raises UserError for one that is missing (with the nearest of the ``known`` names), without .txt files, empty, or not in
    this encoding.
    """
    path = Path(source).expanduser()
    if not path.exists():
        near = get_close_matches(source, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"texts by name: {', '.join(known)}"
        raise UserError(f"no text file or folder {source!r}, and no text of that name; {hint}")
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*.txt") if file.is_file())
    if not files:
        raise UserError(f"{source} is a folder without .txt files")
    texts = [decoded(file, encoding) for file in files]
    if not any(text.strip() for text in texts):
        raise UserError(f"{source} has no text in it")
    return "".join(text if text.endswith("\n") or len(texts) == 1 else f"{text}\n" for text in texts)


def decoded(file: Path, encoding: str) -> str:
    """Read a file, with every end of a line as one newline, without a byte-order mark.

    Raises UserError for an unknown encoding, and for bytes that are not in it, with the position of the first.
    """
    try:
        text = file.read_bytes().decode(encoding)
    except LookupError:  # also for the codecs that do not give text
        near = get_close_matches(encoding.lower().replace("-", "_"), _TEXT_ENCODINGS, n=1)
        hint = f"did you mean {near[0].replace('_', '-')!r}?" if near else "utf-8, latin-1, cp1252 and utf-16 are common"
        raise UserError(f"data.encoding={encoding!r} is no text encoding; {hint}") from None
    except UnicodeDecodeError as error:
        where = f"byte {error.object[error.start]:#04x} at offset {error.start}"
        raise UserError(f"{file} is not {encoding}: {where}; name its encoding, such as data.encoding=latin-1") from None
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from None
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
