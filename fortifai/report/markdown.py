"""Markdown pages: the templates' environment, and files that are written whole or refused in one line. Imports no torch."""

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from fortifai.errors import UserError
from fortifai.files import write_text


def environment(package: str) -> Environment:
    """Return the environment of the Markdown templates that lie in a package, with the filter ``cell``."""
    # Markdown, not HTML: only what would break a table's cell is escaped.
    templates = Environment(loader=PackageLoader(package, ""), trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    templates.filters["cell"] = _cell
    return templates


def write_page(path: Path, text: str) -> Path:
    """Write a page, with the folders above it, and return its path; a full disk leaves the old page.

    Raises:
        UserError: When it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None
    return path


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("\n", " ")
