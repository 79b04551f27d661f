"""`fortifai score`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

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
from fortifai.cli.output import AsJson, print_document, print_line, print_with_notes
from fortifai.errors import RunFailed, UserError
from fortifai.fidelity.rule import BASELINE
from fortifai.fidelity.scores import ScoreTable
from fortifai.storage import Better

if TYPE_CHECKING:
    from fortifai.fidelity.trajectories.table import Table


class Options(TypedDict):
    """What a score and its pictures are told alike."""

    baseline: str
    better: Better | dict[str, Better] | None
    null: float | dict[str, float] | None
    horizon: int | None
    columns: dict[str, str]
    first_generation: int
    run_name: str | None
    generation_zero: Path | None


def score(
    path: Annotated[Path, typer.Argument(metavar="PATH", help=f"{PATH_HELP}.")],
    rule: Annotated[str | None, typer.Option(help=f"{RULE_HELP} By default the suite's.")] = None,
    baseline: Annotated[str, typer.Option(help="The objective that the others are compared with.")] = BASELINE,
    better: BETTER = None,
    null: NULL = None,
    horizon: HORIZON = None,
    column: COLUMN = None,
    first_generation: FIRST_GENERATION = 0,
    run_name: RUN_NAME = None,
    generation_zero: GENERATION_ZERO = None,
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
    wide: Annotated[bool, typer.Option("--wide", help="Print one table with all columns.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, with all digits.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the whole table in Markdown.")] = False,
    as_latex: Annotated[bool, typer.Option("--latex", help="Print the whole table in LaTeX, for booktabs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Score trajectories: how long every objective lasts, and how much longer than the baseline, with 95 % intervals."""
    form = _only_one({"--wide": wide, "--csv": as_csv, "--markdown": as_markdown, "--latex": as_latex, "--json": as_json})
    from fortifai.fidelity import score as score_trajectories

    options: Options = {
        "baseline": baseline,
        "better": directions(better),
        "null": numbers(null),
        "horizon": horizon,
        "columns": columns(column),
        "first_generation": first_generation,
        "run_name": run_name,
        "generation_zero": generation_zero,
    }
    source = trajectories(path)
    table = score_trajectories(source, rule=rule, calibrate_threshold=calibrate_threshold, **options)
    if plot is not None:
        _plot(source, plot, table, options)
    _print(table, form, baseline, "standard input" if str(path) == "-" else path.name)
    if all(row.fidelity_interval is None for row in table.rows):
        reasons = "; ".join(dict.fromkeys(f"{row.objective} by {row.metric}: {row.reason}" for row in table.rows))
        raise RunFailed(f"nothing could be scored. {reasons}")


def _only_one(forms: dict[str, bool]) -> str | None:
    """Return the option by which a form of output was asked for, or None. Raises UserError where there are several."""
    asked = [option for option, is_asked in forms.items() if is_asked]
    if len(asked) > 1:
        raise UserError(f"{' and '.join(asked)}: one of {', '.join(forms)} can be had at a time")
    return asked[0] if asked else None


def _print(table: ScoreTable, form: str | None, baseline: str, name: str) -> None:
    """Print a score in the form that an option asks for; None: in blocks, for people."""
    from fortifai.cli.score_blocks import print_blocks
    from fortifai.report import formats
    from fortifai.report.blocks import in_blocks
    from fortifai.report.tables import with_title

    match form:
        case "--json":
            print_document(table.model_dump_json(indent=2))
        case "--csv":
            print(formats.as_csv(table), end="")
        case "--markdown":
            print(formats.as_markdown(table, name), end="")
        case "--latex":
            print(formats.as_latex(table, name), end="")
        case "--wide":
            title, headings, rows = with_title(table, name)
            print_with_notes(headings, rows, title=title)
        case _:
            print_blocks(in_blocks(table, baseline, name))


def _plot(source: "Path | Table", out: Path, table: ScoreTable, options: Options) -> None:
    from fortifai.report import plot as draw

    # A threshold that control chains set differs from metric to metric.
    files: set[Path] = set()
    for rule in sorted({row.rule for row in table.rows}):
        metrics = sorted({row.metric for row in table.rows if row.rule == rule})
        files.update(draw(source, out, rule=rule, metrics=metrics, **options))
    print_line(f"{len(files)} pictures in {out}", error=True)
