"""The index of the board: how objectives stand across suites, how models collapse, and the way to every run and entry."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fortifai.leaderboard.published import BaselineCurve, Published
from fortifai.leaderboard.standings import Measured, Standings, standings
from fortifai.leaderboard.templates import render
from fortifai.report import tables
from fortifai.report.collapse import collapse_plot
from fortifai.report.inline_plot import inline_plot

CURVES = "Fidelity of cross entropy by generation, the median over chains."
"""What the plot of the index shows."""

RUN = "run"
"""What a run that is not an entry is called beside entries of its suite."""

LONG = 30
"""Rows of a table that is scrolled in a box of its own."""


@dataclass(frozen=True)
class _Line:
    """A row of the index: its range of ranks, the mean, and what was measured at each place."""

    name: str
    rank: str
    mean: str
    cells: list[str]


def index(published: Sequence[Published], table: Standings) -> str:
    """Return the page.

    Args:
        published: What is shown, in its order.
        table: How the objectives of all of them stand across suites.
    """
    return render(
        "index.html.j2",
        headings=[" ".join(filter(None, (place.suite, place.regime))) for place in table.places],
        lines=_lines(table),
        published=published,
        long=LONG,
        about_curves=CURVES,
        curves=_curves(published),
    )


def standings_of(published: Sequence[Published]) -> Standings:
    """Return how the objectives of all that is published stand across suites."""
    return standings((one.made.method or RUN, one.made.board) for one in published)


def _lines(table: Standings) -> list[_Line]:
    return [
        _Line(
            f"{row.method}: {row.objective}",
            row.ranks,
            tables.estimate(row.geometric_mean),
            ["; ".join(map(_measured, cell)) for cell in row.cells],
        )
        for row in table.rows
    ]


def _measured(one: Measured) -> str:
    return tables.estimate(one.ratio)


def _curves(published: Sequence[Published]) -> Markup | None:
    """Return a plot with a line for each regime and strategy of each suite: of the entry that ran the most chains of it.

    Entries of a suite run the same baseline, so that a line for each would be drawn over the others.
    """
    longest: dict[tuple[str, str], BaselineCurve] = {}
    for one in published:
        for curve in one.made.curves:
            key = one.made.board.identity, curve.name
            if key not in longest or curve.chains > longest[key].chains:
                longest[key] = curve
    plot = collapse_plot([(identity, curve.curve()) for (identity, _), curve in longest.items()])
    if plot is None:
        return None
    return inline_plot(plot, "collapse", "How models collapse", f"{CURVES} Lines: {', '.join(plot.objectives)}.")
