"""`fortifai export`."""

from pathlib import Path
from typing import Annotated

import typer

from fortifai.cli.output import print_line


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/quick@5, or an entry.")],
    to: Annotated[str, typer.Option(help="parquet, tensorboard, mlflow or hf-dataset.")],
    out: Annotated[Path | None, typer.Option(help="The folder to write; by default of the run's name and the format's.")] = None,
) -> None:
    """Write the numbers of a run for another tool: every metric of every generation, and what each chain is."""
    from fortifai.export import export as write_export

    folder = out if out is not None else Path(f"{run.name.partition('.json')[0]}-{to}")
    print_line(str(write_export(run, to, folder)))
