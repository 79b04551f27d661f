"""`fortifai score`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from fortifai.cli.metric_options import BETTER, NULL, directions, numbers
from fortifai.cli.output import AsJson, print_with_notes
from fortifai.errors import RunFailed
from fortifai.fidelity.rule import BASELINE
from fortifai.fidelity.scores import ScoreTable


def score(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A run folder, or a CSV file of trajectories.")],
    rule: Annotated[
        str | None, typer.Option(help='"phi<0.75", "metric<value" or "metric>value"; by default the suite\'s.')
    ] = None,
    baseline: Annotated[str, typer.Option(help="The objective that the others are compared with.")] = BASELINE,
    better: BETTER = None,
    null: NULL = None,
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

    table = score_trajectories(
        path,
        rule=rule,
        baseline=baseline,
        better=directions(better),
        null=numbers(null),
        calibrate_threshold=calibrate_threshold,
    )
    if plot is not None:
        _plot(path, plot, table, baseline, better, null)
    if as_json:
        print(table.model_dump_json(indent=2))
    else:
        title, headings, rows = with_title(table, path.name)
        print_with_notes(headings, rows, title=title)
    if all(row.fidelity_interval is None for row in table.rows):
        reasons = "; ".join(dict.fromkeys(f"{row.objective} by {row.metric}: {row.reason}" for row in table.rows))
        raise RunFailed(f"nothing could be scored. {reasons}")


def _plot(path: Path, out: Path, table: ScoreTable, baseline: str, better: list[str] | None, null: list[str] | None) -> None:
    from fortifai.report import plot as draw

    # A threshold that control chains set differs from metric to metric.
    files: set[Path] = set()
    for rule in sorted({row.rule for row in table.rows}):
        metrics = sorted({row.metric for row in table.rows if row.rule == rule})
        drawn = draw(path, out, rule=rule, baseline=baseline, better=directions(better), null=numbers(null), metrics=metrics)
        files.update(drawn)
    print(f"{len(files)} pictures in {out}", file=sys.stderr)
