"""A badge: how the best objective of a method stands on the board, as a small SVG for a page elsewhere."""

from dataclasses import dataclass

from fortifai.leaderboard.standings import Standing, Standings
from fortifai.report import tables
from fortifai.report.html import environment
from fortifai.sanitise import shortened

NAME = "fortifai"
"""What stands on the left."""

LETTER, SIDE = 6.6, 7
"""How wide a letter is at most, and what stays free beside a text, in pixels."""

NOT_MEASURED = "no extension ratio yet"
"""What a badge says where nothing could be measured."""


@dataclass(frozen=True)
class _Part:
    """One half of a badge: its text, where it begins, and how wide it is."""

    text: str
    x: int
    width: int

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def badge(table: Standings, method: str) -> str:
    """Return the badge of a method as SVG: of its objective that stands first, the range of ranks and the mean ER.

    Args:
        table: How all objectives stand.
        method: Whose badge it is.
    """
    best = next((row for row in table.rows if row.method == method), None)
    text = NOT_MEASURED if best is None else _told(best, sum(row.first is not None for row in table.rows))
    left = _part(NAME, 0)
    right = _part(shortened(text), left.width)
    return environment("fortifai.leaderboard").get_template("badge.svg.j2").render(left=left, right=right)


def _told(row: Standing, ranked: int) -> str:
    rank = "not ranked" if row.ranks is None else f"rank {row.ranks} of {ranked}"
    mean = row.geometric_mean
    bound = "≥ " if mean is not None and mean.lower_bound else ""
    ratio = "" if mean is None else f" · ER {bound}{tables.number(mean.value)}"
    return f"{row.objective}: {rank}{ratio}"


def _part(text: str, x: int) -> _Part:
    return _Part(text, x, round(LETTER * len(text) + 2 * SIDE))
