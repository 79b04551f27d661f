"""The options by which a user says what the data do not: which way a metric is better, and its null."""

from typing import Annotated, cast

import typer

from fortifai.errors import UserError
from fortifai.storage import Better

BETTER = Annotated[
    list[str] | None,
    typer.Option(help="higher or lower, where the data do not say it; METRIC=higher for one of several metrics."),
]
NULL = Annotated[
    list[str] | None,
    typer.Option(metavar="VALUE", help="The metric of a model that has lost everything; METRIC=VALUE for one of several."),
]


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
