"""How a command answers: a table for people, or one JSON document and nothing else."""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fortifai.report.tables import number_notes

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else.")]


def print_json(content: object) -> None:
    """Print one JSON document; NaN and infinity, which JSON has not, raise ValueError."""
    print(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Print a table of text under a title."""
    table = Table(*headings, box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*map(escape, row))
    _print(table)


def print_with_notes(headings: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> None:
    """Print a table whose last column may be ``note``: each note stands below once, however many rows it is about."""
    numbered, notes = number_notes(headings, rows)
    print_table(headings, numbered, title=title)
    for number, text in enumerate(notes, 1):
        print(f"{number}  {text}")


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print a line for each fact: its name and its text."""
    grid = Table.grid(padding=(0, 2))
    for name, text in facts:
        grid.add_row(escape(name), escape(text))
    _print(grid)


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
