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


def directions(given: list[str] | None) -> Better | dict[str, Better] | None:
    """What --better says."""
    words = _by_metric(given, "--better")
    # Which words there are is checked where they are used, for Python as well.
    return cast(Better, words) if isinstance(words, str) else cast("dict[str, Better] | None", words)


def numbers(given: list[str] | None) -> float | dict[str, float] | None:
    """What --null says. Raises UserError when it is no number."""
    words = _by_metric(given, "--null")
    try:
        if isinstance(words, dict):
            return {name: float(word) for name, word in words.items()}
        return None if words is None else float(words)
    except ValueError:
        raise UserError(f"--null {' '.join(given or [])}: should be a number, or METRIC=number") from None


def _by_metric(given: list[str] | None, option: str) -> str | dict[str, str] | None:
    """One word for all metrics, or a word for each, as METRIC=WORD."""
    if not given:
        return None
    if given == [word for word in given if "=" in word]:
        return {name.strip(): word.strip() for name, _, word in (pair.rpartition("=") for pair in given)}
    if len(given) > 1:
        raise UserError(f"{option} more than once: say which metric each is of, as in {option} METRIC={given[0]}")
    return given[0]
