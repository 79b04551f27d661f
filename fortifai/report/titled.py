"""A score table with a title, as a terminal and a page show it."""

from fortifai.fidelity.rule import PHI
from fortifai.results.schema import ScoreTable
from fortifai.results.table import as_text

SAID_ONCE = ("modality", "model")
"""Columns that move into the title where every row says the same."""


def titled(table: ScoreTable, name: str) -> tuple[str, list[str], list[list[str]]]:
    """Give a title, headings and rows: what every row says alike stands in the title, behind the suite's or the given name."""
    first = table.rows[0]
    same = [column for column in ("rule", "metric") if len({getattr(row, column) for row in table.rows}) == 1]
    headings, rows = as_text(table, without=("suite", *same))
    title = [first.suite or name]
    if same:  # a rule on the metric names it
        title.append(" on ".join(getattr(first, column) for column in (same if first.rule.startswith(PHI) else same[:1])))
    alike = {index for index, heading in enumerate(headings) if heading in SAID_ONCE and len({row[index] for row in rows}) == 1}
    title += [rows[0][index] for index in sorted(alike)]
    shown = [index for index in range(len(headings)) if index not in alike]
    return " · ".join(title), [headings[index] for index in shown], [[row[index] for index in shown] for row in rows]
