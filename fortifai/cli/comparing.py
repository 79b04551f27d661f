"""`fortifai compare`."""

from pathlib import Path
from typing import Annotated

import typer

from fortifai.cli.metric_options import (
    BETTER,
    COLUMN,
    FIRST_GENERATION,
    GENERATION_ZERO,
    HORIZON,
    NULL,
    PATH_HELP,
    RULE_HELP,
    RUN_NAME,
    columns,
    directions,
    numbers,
    trajectories,
)
from fortifai.cli.output import AsJson, print_document, print_with_notes
from fortifai.errors import UserError
from fortifai.fidelity.rule import BASELINE


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help=f"{PATH_HELP}: what is compared with.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="The same: what is compared.")],
    objective: Annotated[
        list[str] | None, typer.Option(help="Once: in both. Twice: that of A, then that of B. By default all that both have.")
    ] = None,
    rule: Annotated[str | None, typer.Option(help=RULE_HELP)] = None,
    baseline: Annotated[str, typer.Option(help="The objective whose generation 0 fidelity is measured from.")] = BASELINE,
    better: BETTER = None,
    null: NULL = None,
    horizon: HORIZON = None,
    column: COLUMN = None,
    first_generation: FIRST_GENERATION = 0,
    run_name: RUN_NAME = None,
    generation_zero: GENERATION_ZERO = None,
    as_json: AsJson = False,
) -> None:
    """Compare two runs or files, paired by seed: by how much, and how many times, B outlasts A."""
    from fortifai.fidelity import compare as compare_trajectories
    from fortifai.report.tables import comparison_as_text

    if str(a) == str(b) == "-":
        raise UserError("a pipe can be read once: A and B cannot both be -")
    table = compare_trajectories(
        trajectories(a),
        trajectories(b),
        objective=objective or None,
        rule=rule,
        baseline=baseline,
        better=directions(better),
        null=numbers(null),
        horizon=horizon,
        columns=columns(column),
        first_generation=first_generation,
        run_name=run_name,
        generation_zero=generation_zero,
    )
    if as_json:
        print_document(table.model_dump_json(indent=2))
        return
    headings, rows = comparison_as_text(table)
    print_with_notes(headings, rows, title=f"{b.name} against {a.name} · {table.rows[0].rule}")
