"""`fortifai leaderboard`."""

from pathlib import Path
from typing import Annotated

import typer

from fortifai.cli.output import print_line

app = typer.Typer(help="Publish ranked tables that anybody can recompute.", no_args_is_help=True)


@app.callback()
def _leaderboard() -> None:
    """Publish ranked tables that anybody can recompute."""


@app.command("build")
def build(
    runs: Annotated[Path, typer.Argument(metavar="RUNS", help="A folder of runs, or one run.")],
    out: Annotated[Path, typer.Option(help="The folder that pages are written to.")] = Path("leaderboards"),
) -> None:
    """Write leaderboard.json and README.md of every suite that was run."""
    from fortifai.leaderboard import build as build_pages

    for path in build_pages(runs, out):
        print_line(str(path))
