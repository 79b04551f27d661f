"""`fortifai report`."""

from pathlib import Path
from typing import Annotated

import typer

from fortifai.cli.output import print_line


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    out: Annotated[Path, typer.Option(help="The folder that the pages and their pictures are written to.")] = Path("report"),
) -> None:
    """Write pages of a run, for a browser and in Markdown: its score, pictures, and what its generations made."""
    from fortifai.report import report as write_report

    page, web_page, *pictures = write_report(run, out)
    print_line(f"{web_page}, {page} ({len(pictures)} pictures)")
