"""Markdown pages: the templates' environment, and files that are written whole or refused in one line. Imports no torch."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Undefined

from fortifai import sanitise
from fortifai.errors import UserError
from fortifai.files import is_regular, write_text


class Markdown(str):
    """Text that is Markdown already: what a template puts out of any other kind is shown as it stands, never as markup."""

    __slots__ = ()


@cache  # a template is compiled once, not for every page
def environment(package: str) -> Environment:
    """Return the environment of the Markdown templates that lie in a package.

    What a template puts out is escaped, unless a filter has made Markdown of it: ``code`` puts it in backticks, ``line`` and
    ``fenced`` are for one line and for all lines of a fenced block, ``as_written`` for what the template itself has written.
    """
    templates = Environment(
        loader=PackageLoader(package, ""), trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined, finalize=_shown
    )
    templates.filters |= {
        "code": lambda text: Markdown(sanitise.code(text or "")),
        "line": lambda text: Markdown(sanitise.one_line(text)),
        "fenced": lambda text: Markdown(sanitise.lines(text)),
        "as_written": Markdown,
    }
    return templates


def write_page(path: Path, text: str) -> Path:
    """Write a page, with the folders above it, and return its path; a full disk leaves the old page.

    Nothing waits for the disk: a page can be written again, and a board has thousands, most of which a build leaves as they are.

    Raises:
        UserError: When it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (is_regular(path) and path.read_bytes() == text.encode()):
            write_text(path, text, wait=False)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None
    return path


def _shown(value: object) -> object:
    """Return what a template puts out for a value; nothing for None, and Jinja's own answer to what is not defined."""
    if value is None:
        return ""
    return value if isinstance(value, Markdown | Undefined) else sanitise.markdown(str(value))
