"""`fortifai score`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fortifai.cli.metric_options import (
    BETTER,
    COLUMN,
    FIRST_GENERATION,
    HORIZON,
    NULL,
    PATH_HELP,
    RULE_HELP,
    columns,
    directions,
    numbers,
    trajectories,
)
from fortifai.cli.output import AsJson, print_document, print_line, print_with_notes
from fortifai.errors import RunFailed
from fortifai.fidelity.rule import BASELINE
from fortifai.fidelity.scores import ScoreTable

if TYPE_CHECKING:
    import pandas as pd


def score(
    path: Annotated[Path, typer.Argument(metavar="PATH", help=f"{PATH_HELP}.")],
    rule: Annotated[str | None, typer.Option(help=f"{RULE_HELP} By default the suite's.")] = None,
    baseline: Annotated[str, typer.Option(help="The objective that the others are compared with.")] = BASELINE,
    better: BETTER = None,
    null: NULL = None,
    horizon: HORIZON = None,
    column: COLUMN = None,
    first_generation: FIRST_GENERATION = 0,
    calibrate_threshold: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Set the threshold of phi so that at most this share of control chains cross it."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Draw fidelity, survival of the onset, FI by threshold and confidence into this folder, as SVG and PNG.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score trajectories: fidelity interval and extension ratio of every objective, with 95 % intervals."""
    from fortifai.fidelity import score as score_trajectories
    from fortifai.report.tables import with_title

    source, named = trajectories(path), columns(column)
    if plot is not None and (named or first_generation):  # the pictures do not know these options
        source, named, first_generation = _as_we_call_it(source, named, first_generation), {}, 0
    table = score_trajectories(
        source,
        rule=rule,
        baseline=baseline,
        better=directions(better),
        null=numbers(null),
        calibrate_threshold=calibrate_threshold,
        horizon=horizon,
        columns=named,
        first_generation=first_generation,
    )
    if plot is not None:
        _plot(source, plot, table, baseline, better, null)
    if as_json:
        print_document(table.model_dump_json(indent=2))
    else:
        title, headings, rows = with_title(table, "standard input" if str(path) == "-" else path.name)
        print_with_notes(headings, rows, title=title)
    if all(row.fidelity_interval is None for row in table.rows):
        reasons = "; ".join(dict.fromkeys(f"{row.objective} by {row.metric}: {row.reason}" for row in table.rows))
        raise RunFailed(f"nothing could be scored. {reasons}")


def _as_we_call_it(source: "Path | pd.DataFrame", named: dict[str, str], first_generation: int) -> "pd.DataFrame":
    from fortifai.fidelity.trajectories.outside import Reading, from_outside
    from fortifai.fidelity.trajectories.reading import read

    reading = Reading(named, first_generation)
    return read(source, reading) if isinstance(source, Path) else from_outside(source, "standard input", reading)


def _plot(
    source: "Path | pd.DataFrame",
    out: Path,
    table: ScoreTable,
    baseline: str,
    better: list[str] | None,
    null: list[str] | None,
) -> None:
    from fortifai.report import plot as draw

    # A threshold that control chains set differs from metric to metric.
    files: set[Path] = set()
    for rule in sorted({row.rule for row in table.rows}):
        metrics = sorted({row.metric for row in table.rows if row.rule == rule})
        drawn = draw(source, out, rule=rule, baseline=baseline, better=directions(better), null=numbers(null), metrics=metrics)
        files.update(drawn)
    print_line(f"{len(files)} pictures in {out}", error=True)
