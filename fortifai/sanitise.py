"""Text from outside, made safe for where it goes: a terminal, JSON, a Markdown page, a picture, the name of a file.

Names of objectives, metrics and regimes, reasons of failures and samples of models come from files that somebody else may have
written. On a terminal their control characters would move the cursor or retitle the window, on a page their markup would become
links and HTML, in a picture formulas, and as the name of a file a path. Every output passes through one of these functions;
ordinary text, in any alphabet, comes out as it went in.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fortifai.errors import UserError

LONGEST_NAME = 64
"""Characters of a name that becomes a file or a folder."""

EXPLORE = "explore"
"""The setting of a run of the seeds that settings are chosen on; it ends the run's name."""

LONGEST_FILE_NAME = 200
"""Characters of a file's name, below the 255 bytes that file systems have, for an ending and a temporary name."""

LONGEST_LABEL = 60
"""Characters of a label in a picture: longer ones leave no room for what they are about."""

NAME_RULE = f"letters, digits, - and _, dots too but not first, at most {LONGEST_NAME} characters"
"""What `is_name` accepts, for messages."""

_NAME = re.compile(rf"[A-Za-z0-9_-][A-Za-z0-9._-]{{0,{LONGEST_NAME - 1}}}")

_LINE_BREAKS = re.compile(r"\r\n|[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")

_INVISIBLE = frozenset(
    (
        0x034F,
        0x115F,
        0x1160,
        0x17B4,
        0x17B5,
        *range(0x180B, 0x1810),
        0x3164,
        *range(0xFE00, 0xFE10),
        0xFFA0,
        *range(0xE0100, 0xE01F0),
    )
)
"""What Unicode calls default-ignorable although it is a letter or a mark: fillers, joiners and variation selectors."""

_MARKUP = re.compile(
    r"""
      [\\`*|~$\#{}]                     # wherever it stands
    | _(?![^\W_])                       # the end of emphasis, which cannot be within a word
    | <(?=[A-Za-z/!?])                  # HTML, and links in angle brackets
    | &(?=[\#A-Za-z])                   # an entity
    | \](?=[(\[:])                      # a link, an image, what a link or a footnote refers to
    | :(?=//) | (?<=www)\. | @(?=[\w.+-]*\.\w)   # what GitHub links by itself
    | ^(?:[-+=>\[] | \d(?=\d*[.)](?:\s|$)))      # lists, quotations, underlined headings, boxes to tick
    """,
    re.VERBOSE | re.IGNORECASE,
)

_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{character: f"${character}$" for character in "<>|"},  # which the oldest fonts have other signs for
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "[": "{[}",  # at the head of a row, behind the end of the last one, it would be a distance
    "*": "{*}",  # and this an order not to break the page there
    "≥": r"$\geq$",
    "–": "--",
    "·": r"$\cdot$",
}

_NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9.@+=_-]+")
_VALUE = r"[A-Za-z0-9.@+-]+"
_READS_BACK = re.compile(rf"[A-Za-z0-9.@+_-]+|{_VALUE}:{_VALUE}={_VALUE}(?:,{_VALUE}={_VALUE})*")
"""A plain name, or one with parameters: with ``_`` for colon and commas no two of these are the same."""


def one_line(text: str) -> str:
    r"""Return a text as one line that shows all that is in it.

    A line break or a tab becomes a space. Control characters, those that reorder text, and those that nobody can see are
    written out as Python does, such as ``\x1b``; so is half a surrogate pair, which no encoding has.
    """
    return _LINE_BREAKS.sub(" ", text).translate(_VISIBLE)


def lines(text: str) -> str:
    """Return a text of several lines, each of which shows all that is in it; what else breaks a line becomes a space."""
    return "\n".join(one_line(line) for line in text.split("\n"))


def json_text(document: str) -> str:
    r"""Return a JSON document that means the same, with what `one_line` writes out as JSON's own escapes, ``\u001b``."""
    return document.translate(_VISIBLE_IN_JSON)


def markdown(text: str) -> str:
    """Return a text as one line that Markdown shows as it stands: in a paragraph, a heading, a list or the cell of a table.

    What would be markup becomes a numeric entity, which no parser of Markdown or tables takes for anything but itself.
    """
    return _MARKUP.sub(_entity, one_line(text).strip())


def latex(text: str) -> str:
    """Return a text as one line that LaTeX sets as it stands, in a cell, a caption or a paragraph, whatever its fonts."""
    return "".join(_LATEX.get(character, character) for character in one_line(text).strip())


def code(text: str) -> str:
    """Return a text as one line of code in Markdown, also in the cell of a table; nothing for an empty text."""
    plain = one_line(text).strip()
    if not plain:
        return ""
    # Within backticks nothing can be escaped, so that what ends them, or the cell, is written as HTML.
    return f"<code>{markdown(plain)}</code>" if "`" in plain or "|" in plain else f"`{plain}`"


def label(text: str) -> str:
    """Return a text as one line of a picture: without formulas, and never one that Matplotlib takes for hidden."""
    plain = shortened(text).replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain  # a legend leaves out what begins with an underscore


def shortened(text: str) -> str:
    """Return a text as one line that leaves room for what else a picture shows."""
    plain = one_line(text)
    return plain if len(plain) <= LONGEST_LABEL else f"{plain[: LONGEST_LABEL - 1]}…"


def file_name(*parts: str) -> str:
    """Return the parts of a name as the name of a file, without an ending, joined by hyphens.

    The colon and the commas of a name with parameters become ``_``. Where anything else has to be replaced or cut off, a hash of
    the whole tells names apart that would be the same.
    """
    safe = "-".join(_NOT_IN_FILE_NAMES.sub("_", part) for part in parts)
    if all(map(_READS_BACK.fullmatch, parts)) and len(safe) <= LONGEST_FILE_NAME and not safe.startswith("."):
        return safe
    digest = hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{safe[: LONGEST_FILE_NAME - 9].lstrip('.')}-{digest}"


def is_name(text: str) -> bool:
    """Return whether a text can name a folder or a file as it stands: see `NAME_RULE`."""
    return _NAME.fullmatch(text) is not None


def user_path(text: str) -> Path:
    """Return the path that a user wrote, in which ``~`` stands for a home folder.

    Raises:
        UserError: It names the home folder of nobody, or holds a character that no path can.
    """
    if "\0" in text:
        raise UserError(f"{text!r}: no path holds a NUL character")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise UserError(f"{text!r}: there is no user {Path(text).parts[0].removeprefix('~')!r} with a home folder") from None


def run_name(name: str, version: int | str, overrides: Mapping[str, Any]) -> str:
    """Return the name of a suite's run folder: ``name@version``, a hash of the user's settings if there are some, ``explore``.

    Args:
        name: The suite's name.
        version: Its version.
        overrides: The user's settings, as JSON values; with `EXPLORE` among them, the run is of the seeds to explore with.
    """
    parts = [f"{name}@{version}"]
    if settings := {key: value for key, value in overrides.items() if key != EXPLORE}:
        text = json.dumps(settings, sort_keys=True, default=str)
        parts.append(hashlib.sha256(text.encode()).hexdigest()[:8])
    return "+".join([*parts, EXPLORE] if overrides.get(EXPLORE) else parts)


def is_exploration(identity: str) -> bool:
    """Return whether the name of a run says that it is of the seeds to explore with."""
    return identity.endswith(f"+{EXPLORE}")


def _is_seen(character: str) -> bool:
    # What Python would print, and the spaces that are wider than nothing.
    return (character.isprintable() or unicodedata.category(character) == "Zs") and ord(character) not in _INVISIBLE


class _Visible(dict[int, str]):
    """Maps the code of a character to itself where it can be seen, and else to Python's escape; for `str.translate`."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = character if _is_seen(character) else self.escaped(character)
        return self[code]

    def escaped(self, character: str) -> str:
        return character.encode("unicode_escape").decode()


class _VisibleInJson(_Visible):
    """The same with JSON's escapes."""

    def escaped(self, character: str) -> str:
        return json.dumps(character)[1:-1]


_VISIBLE, _VISIBLE_IN_JSON = _Visible(), _VisibleInJson({ord("\n"): "\n"})


def _entity(match: re.Match[str]) -> str:
    # GitHub makes links of addresses in what an entity has become, too, but not across a comment.
    return f"{'<!---->' if match[0] == '@' else ''}&#{ord(match[0])};"
