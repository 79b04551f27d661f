"""How a command answers: a table for people, or one JSON document and nothing else.

Whatever is printed passes through `fortifai.sanitise`: names and reasons come from files that somebody else may have written.
"""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from operator import gt
from textwrap import fill
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fortifai.report.tables import number_notes
from fortifai.sanitise import json_text, one_line

WIDEST = 10_000
"""Columns of the widest table."""

GAP = 2
"""Columns of the terminal between two columns without a line between them."""

_INTERVAL = re.compile(r"\[[^\s,\]]+, [^\s,\]]+\]")
"""An interval, which is kept on one line."""

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


def print_paragraph(text: str, hanging: int = 0) -> None:
    """Print a text that is wrapped between words where the terminal is narrower; in a pipe it is one line.

    Args:
        text: The text.
        hanging: Columns by which lines after the first are indented.
    """
    console, plain = Console(), one_line(text)
    if console.is_terminal:  # a name that is wider than the terminal is neither broken nor cut
        whole = _INTERVAL.sub(lambda match: match[0].replace(" ", "\0"), plain)
        indent = " " * hanging
        plain = fill(whole, console.width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    print(plain.replace("\0", " "))


def print_notes(notes: Iterable[str]) -> None:
    """Print notes by their numbers, from 1."""
    for number, text in enumerate(notes, 1):
        print_paragraph(f"{number}  {text}", hanging=len(f"{number}  "))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Print a table of text under a title."""
    heading = None if title is None else _text(title, "bold")
    lines = list(rows)
    table = Table(box=SIMPLE_HEAD, title=heading, title_justify="left", pad_edge=False)
    for name, width in zip(headings, _widths([headings, *lines], margin=3), strict=True):
        table.add_column(_text(name), width=width)
    for row in lines:
        table.add_row(*map(_text, row))
    _print(table)


def print_with_notes(headings: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> None:
    """Print a table whose last column may be ``note``: each note stands below once, however many rows it is about."""
    numbered, notes = number_notes(headings, rows)
    print_table(headings, numbered, title=title)
    print_notes(notes)


def print_columns(lines: Sequence[Sequence[str]], widths: Sequence[int], *, indent: int = 0, style: str = "") -> None:
    """Print lines of a table of which each column has at least a width; where the terminal is narrower, cells are wrapped."""
    grid = Table.grid(padding=(0, GAP, 0, 0))
    for width in _widths(lines, margin=GAP, least=widths, outside=indent - GAP):  # there is no gap behind the last one
        grid.add_column(width=width)
    for line in lines:
        grid.add_row(*(_text(cell, style) for cell in line))
    _print(Padding(grid, (0, 0, 0, indent)))


def columns_that_fit() -> int:
    """Return how wide a line of a table may be before cells are wrapped: without a limit in a pipe."""
    console = Console()
    return console.width if console.is_terminal else WIDEST


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes once it is made safe for it."""
    return cell_len(one_line(text))


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print a line for each fact: its name and its text."""
    print_columns(list(facts), (0, 0))


def _text(text: str, style: str = "") -> Text:
    """Return a text as a cell: Rich takes brackets and colons of a plain string for markup and pictures."""
    return Text(one_line(text), style=style)


def _widths(lines: Sequence[Sequence[str]], margin: int, least: Sequence[int] | None = None, outside: int = 0) -> list[int]:
    """Return how wide each column of a table is: as its longest cell, or, on a narrow terminal, down to its longest word.

    Args:
        lines: The cells.
        margin: Columns of the terminal that each column of the table takes beside its text.
        least: What each column is given at least where there is room; None: nothing.
        outside: Columns of the terminal beside the table.
    """
    columns = list(zip(*lines, strict=True))
    widths = [max(map(width_of, column)) for column in columns]
    widths = list(map(max, widths, least or [0] * len(widths)))
    words = [max(width_of(word) for cell in column for word in (cell.split() or [""])) for column in columns]
    room = columns_that_fit() - outside - margin * len(widths)
    while sum(widths) > room and any(map(gt, widths, words)):
        widest = max((place for place, width in enumerate(widths) if width > words[place]), key=lambda place: widths[place])
        widths[widest] -= 1
    return widths


def _print(table: RenderableType) -> None:
    """Print a table as wide as it was made: no cell is cut, on whatever terminal."""
    console = Console()
    needed = console.measure(table, options=console.options.update(max_width=WIDEST))
    Console(width=needed.maximum).print(table)


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
