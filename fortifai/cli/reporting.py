"""`fortifai report`."""

from pathlib import Path
from typing import Annotated

import typer

from fortifai.cli.output import print_line


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    out: Annotated[Path, typer.Option(help="The folder that the page and its pictures are written to.")] = Path("report"),
) -> None:
    """Write a page of a run: its score, pictures, and what its generations made."""
    from fortifai.report import report as write_report

    page, *pictures = write_report(run, out)
    print_line(f"{page} ({len(pictures)} pictures)")
