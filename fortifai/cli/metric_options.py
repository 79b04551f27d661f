"""The options by which a user says what the data do not: which way a metric is better, its null, what columns are called."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from fortifai.errors import UserError
from fortifai.storage import Better

if TYPE_CHECKING:
    from fortifai.fidelity.trajectories.table import Table

BETTER = Annotated[
    list[str] | None,
    typer.Option(help="higher or lower, where the data do not say it; METRIC=higher for one of several metrics."),
]
NULL = Annotated[
    list[str] | None,
    typer.Option(metavar="VALUE", help="The metric of a model that has lost everything; METRIC=VALUE for one of several."),
]

COLUMN = Annotated[
    list[str] | None,
    typer.Option(metavar="OURS=YOURS", help="Read a column under our name, as in objective=Setting; may be repeated."),
]
FIRST_GENERATION = Annotated[int, typer.Option(metavar="G", help="The generation of the file that is counted as 0.")]
RUN_NAME = Annotated[
    str | None,
    typer.Option(
        metavar="FORM",
        help='What runs in a chart of Weights & Biases are called, as in "{objective}-{seed}".',
    ),
]
GENERATION_ZERO = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Read generation 0 from another file; objective * stands for all of a seed."),
]
HORIZON = Annotated[
    int | None, typer.Option(metavar="G", help="The last generation that is looked at; by default all that the chains share.")
]

RULE_HELP = '"phi<0.75", "metric<value", "metric>value" or "|metric-value|>value"; with "for 2", for 2 generations in a row.'
PATH_HELP = "A run folder, a file of trajectories (CSV, TSV, JSON lines, Parquet), a folder of such files, or - for a pipe"


def trajectories(path: Path) -> "Path | Table":
    """Return what is to be scored: what comes through a pipe as a table, anything else by its path."""
    if str(path) != "-":
        return path
    from fortifai.fidelity.trajectories.files import read_standard_input

    return read_standard_input()


def columns(values: list[str] | None) -> dict[str, str]:
    """Return what --column says: the user's name of a column by ours.

    Raises:
        UserError: When it is not of the form OURS=YOURS.
    """
    pairs = [value.partition("=") for value in values or []]
    if wrong := [value for value, (ours, _, theirs) in zip(values or [], pairs, strict=True) if not (ours and theirs)]:
        raise UserError(f"--column {wrong[0]}: should be our name, =, and yours, as in objective=Setting")
    return {ours.strip(): theirs for ours, _, theirs in pairs}


def directions(values: list[str] | None) -> Better | dict[str, Better] | None:
    """Return what --better says, for all metrics or by metric."""
    words = _by_metric(values, "--better")
    # Which words there are is checked where they are used, for Python as well.
    return cast(Better, words) if isinstance(words, str) else cast("dict[str, Better] | None", words)


def numbers(values: list[str] | None) -> float | dict[str, float] | None:
    """Return what --null says, for the only metric or by metric.

    Raises:
        UserError: When it is not a number.
    """
    words = _by_metric(values, "--null")
    try:
        if isinstance(words, dict):
            return {name: float(word) for name, word in words.items()}
        return None if words is None else float(words)
    except ValueError:
        raise UserError(f"--null {' '.join(values or [])}: should be a number, or METRIC=number") from None


def _by_metric(values: list[str] | None, option: str) -> str | dict[str, str] | None:
    """Return one word for all metrics, or a word for each that is written as METRIC=WORD."""
    if not values:
        return None
    if all("=" in value for value in values):
        return {name.strip(): word.strip() for name, _, word in (value.rpartition("=") for value in values)}
    if len(values) > 1:
        raise UserError(f"{option} more than once: say which metric each is of, as in {option} METRIC={values[0]}")
    return values[0]
