"""A score table as text, for a terminal and for a page: one way to write an estimate, wherever it is shown."""

from collections.abc import Sequence
from typing import NamedTuple

from fortifai.fidelity.rule import PHI
from fortifai.fidelity.scores import ComparisonTable, Estimate, Ratio, ScoreRow, ScoreTable

NONE = "–"

HEADINGS = (
    "suite",
    "modality",
    "model",
    "regime",
    "strategy",
    "objective",
    "fidelity interval",
    "extension ratio",
    "p",
    "ER, all thresholds",
    "p, all thresholds",
    "censored",
    "incomplete",
    "control false positives",
    "phi at 0",
    "masked",
    "horizon",
    "metric",
    "rule",
    "note",
)

COMPARISON_HEADINGS = (
    "modality",
    "model",
    "regime",
    "strategy",
    "objective of A",
    "objective of B",
    "pairs",
    "FI of A",
    "FI of B",
    "B - A",
    "B / A",
    "p",
    "B / A, all thresholds",
    "p, all thresholds",
    "censored A, B",
    "horizon",
    "metric",
    "note",
)

IN_TITLE = ("rule", "metric", "modality", "model")
"""Columns that move into the title where every row has the same text."""


class TextTable(NamedTuple):
    """A table of text; a last column ``note`` holds what there is to remark on a row."""

    headings: list[str]
    rows: list[list[str]]


class TitledTable(NamedTuple):
    """A table of text under a title."""

    title: str
    headings: list[str]
    rows: list[list[str]]


def number(value: float | None) -> str:
    """Return a number as short as its size allows, such as 12.3 or 0.45; a dash for none."""
    if value is None:
        return NONE
    size = abs(value)
    return f"{value:.0f}" if size >= 1000 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def rough(value: float) -> str:
    """Return a number with two digits that count, without an exponent, such as 220 or 1.3."""
    return f"{float(f'{value:.2g}'):,g}"


def share(value: float | None) -> str:
    """Return a share in [0, 1] in percent; anything above zero is told from zero."""
    if value is None:
        return NONE
    return "<0.1 %" if 0 < value < 0.001 else f"{100 * value:.1f} %"


def p_value(value: float | None) -> str:
    """Return a p-value to three digits, the smallest as a bound."""
    if value is None:
        return NONE
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def estimate(value: Estimate | None) -> str:
    """Return an estimate with its interval, such as ``12.3 [10.1, 15.0]``, and ``≥ 2.31 [1.90, –]`` for a lower bound."""
    if value is None:
        return NONE
    sign = "≥ " if isinstance(value, Ratio) and value.lower_bound else ""
    interval = "" if value.low is None and value.high is None else f" [{number(value.low)}, {number(value.high)}]"
    return f"{sign}{number(value.value)}{interval}"


def share_estimate(value: Estimate | None) -> str:
    """Return a share with its interval, in percent, such as ``0 % [0, 43]``."""
    if value is None or value.low is None or value.high is None:
        return NONE
    return f"{100 * value.value:.0f} % [{100 * value.low:.0f}, {100 * value.high:.0f}]"


def cells(row: ScoreRow) -> list[str]:
    """Return one row of the table, a text for each of `HEADINGS`."""
    return [
        *(name or "" for name in (row.suite, row.modality, row.model, row.regime, row.strategy)),
        row.objective,
        estimate(row.fidelity_interval),
        estimate(row.extension_ratio),
        p_value(row.p_value),
        estimate(row.ratio_over_thresholds),
        p_value(row.p_value_over_thresholds),
        f"{row.censored}/{row.chains}",
        str(row.incomplete or ""),
        share_estimate(row.control_false_positive_rate),
        number(row.phi_at_generation_0),
        share(row.masked_share),
        str(row.horizon),
        row.metric,
        row.rule,
        row.reason or "",
    ]


def as_text(table: ScoreTable, without: Sequence[str] = ()) -> TextTable:
    """Return a score as text, without the columns named in ``without`` and those with nothing in any row."""
    return _without_empty(HEADINGS, [cells(row) for row in table.rows], without)


def comparison_as_text(table: ComparisonTable) -> TextTable:
    """Return a comparison as text, without the columns with nothing in any row."""
    rows = [
        [
            *(name or "" for name in (row.modality, row.model, row.regime, row.strategy)),
            *(row.objective_a, row.objective_b, str(row.chains)),
            *(estimate(row.fidelity_interval_a), estimate(row.fidelity_interval_b)),
            *(estimate(row.difference), estimate(row.ratio), p_value(row.p_value)),
            *(estimate(row.ratio_over_thresholds), p_value(row.p_value_over_thresholds)),
            *(f"{row.censored_a}, {row.censored_b}", str(row.horizon), row.metric, row.reason or ""),
        ]
        for row in table.rows
    ]
    return _without_empty(COMPARISON_HEADINGS, rows)


def with_title(table: ScoreTable, name: str) -> TitledTable:
    """Return a score as text, with what all rows have in common in the title.

    Args:
        table: The score, of at least one row.
        name: What the title begins with where the rows are of no suite.
    """
    headings, rows = as_text(table, without=("suite", *_shared(table)))
    return TitledTable(title_of(table, name), headings, rows)


def title_of(table: ScoreTable, name: str) -> str:
    """Return what all rows have in common: the suite, the rule, the metric, the modality and the model.

    Args:
        table: The score, of at least one row.
        name: What the title begins with where the rows are of no suite.
    """
    first, shared = table.rows[0], _shared(table)
    rule = [field for field in ("rule", "metric") if field in shared]
    if not first.rule.startswith(PHI):  # a rule on the metric names it
        rule = rule[:1]
    parts = [first.suite or name, " on ".join(getattr(first, field) for field in rule)]
    parts += [getattr(first, field) for field in ("modality", "model") if field in shared]
    return " · ".join(filter(None, parts))


def _shared(table: ScoreTable) -> list[str]:
    """Return which of the fields that a title can hold are the same in all rows."""
    return [field for field in IN_TITLE if len({getattr(row, field) for row in table.rows}) == 1]


def number_notes(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[list[str]], list[str]]:
    """Return the rows with a number in place of each text of a last column ``note``, and those texts in order, each once."""
    if headings[-1] != "note":
        return [list(row) for row in rows], []
    numbers = {text: str(number) for number, text in enumerate(dict.fromkeys(row[-1] for row in rows if row[-1]), 1)}
    return [[*row[:-1], numbers.get(row[-1], "")] for row in rows], list(numbers)


def _without_empty(headings: Sequence[str], rows: list[list[str]], without: Sequence[str] = ()) -> TextTable:
    shown = [
        index
        for index, heading in enumerate(headings)
        if heading not in without and any(row[index] not in ("", NONE) for row in rows)
    ]
    return TextTable([headings[index] for index in shown], [[row[index] for index in shown] for row in rows])
