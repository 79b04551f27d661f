"""How a command answers: a table for people, or one JSON document and nothing else.

Whatever is printed passes through `fortifai.sanitise`: names and reasons come from files that somebody else may have written.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fortifai.report.tables import number_notes
from fortifai.sanitise import json_text, one_line

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else.")]


def print_json(content: object) -> None:
    """Print one JSON document; NaN and infinity, which JSON has not, raise ValueError."""
    print_document(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))


def print_document(document: str) -> None:
    """Print a JSON document, whose characters that a terminal would obey are escaped as JSON has it."""
    print(json_text(document))


def print_line(text: str = "", *, error: bool = False) -> None:
    """Print one line of text; ``error``: on standard error."""
    print(one_line(text), file=sys.stderr if error else sys.stdout)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Print a table of text under a title."""
    heading = None if title is None else _text(title, "bold")
    table = Table(box=SIMPLE_HEAD, title=heading, title_justify="left", pad_edge=False)
    for name in headings:
        table.add_column(_text(name))
    for row in rows:
        table.add_row(*map(_text, row))
    _print(table)


def print_with_notes(headings: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> None:
    """Print a table whose last column may be ``note``: each note stands below once, however many rows it is about."""
    numbered, notes = number_notes(headings, rows)
    print_table(headings, numbered, title=title)
    for number, text in enumerate(notes, 1):
        print_line(f"{number}  {text}")


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print a line for each fact: its name and its text."""
    grid = Table.grid(padding=(0, 2))
    for name, text in facts:
        grid.add_row(_text(name), _text(text))
    _print(grid)


def _text(text: str, style: str = "") -> Text:
    """Return a text as a cell: Rich takes brackets and colons of a plain string for markup and pictures."""
    return Text(one_line(text), style=style)


def _print(table: Table) -> None:
    """Print as wide as the terminal is; in a pipe, as wide as the table needs, so that no cell is cut or broken."""
    console = Console()
    if not console.is_terminal:
        endless = console.options.update(max_width=10_000)
        console = Console(width=console.measure(table, options=endless).maximum)
    console.print(table)


def duration(seconds: float) -> str:
    """Return seconds as people say them: 45 s, 12 min, 3.4 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """Return a number of bytes as people say them, in powers of 1024, such as ``3 MiB``."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
