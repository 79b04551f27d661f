"""`fortifai score`."""

from pathlib import Path
from typing import Annotated

import typer

from fortifai.cli.output import AsJson, print_table


def score(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A run folder, or a CSV file of trajectories.")],
    rule: Annotated[
        str | None, typer.Option(help='"phi<0.75", "metric<value" or "metric>value"; by default the suite\'s.')
    ] = None,
    baseline: Annotated[str, typer.Option(help="The objective that the others are compared with.")] = "ce",
    as_json: AsJson = False,
) -> None:
    """Score trajectories: fidelity interval and extension ratio of every objective, with 95 % intervals."""
    from fortifai.fidelity import score as score_trajectories
    from fortifai.results.table import as_text

    table = score_trajectories(path, rule=rule, baseline=baseline)
    if as_json:
        print(table.model_dump_json(indent=2))
        return
    headings, rows = as_text(table, without=("suite", "metric", "rule"))
    first = table.rows[0]
    print_table(headings, rows, title=f"{first.suite or path}: {first.rule} on {first.metric}")
