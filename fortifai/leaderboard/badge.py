"""A badge: how the best objective of a method stands on the board, as a small SVG for a page elsewhere."""

from collections.abc import Iterable
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


def badges(table: Standings, methods: Iterable[str]) -> dict[str, str]:
    """Return a badge for each of some methods, as SVG: of its objective that stands first, the range of ranks and the mean ER.

    Args:
        table: How all objectives stand.
        methods: Whose badges they are.
    """
    best: dict[str, Standing] = {}
    for row in table.rows:
        best.setdefault(row.method, row)
    return {method: _drawn(_told(best[method], len(table.rows)) if method in best else NOT_MEASURED) for method in set(methods)}


def _drawn(text: str) -> str:
    left = _part(NAME, 0)
    right = _part(shortened(text), left.width)
    return environment("fortifai.leaderboard").get_template("badge.svg.j2").render(left=left, right=right)


def _told(row: Standing, ranked: int) -> str:
    rank = f"rank {row.ranks} of {ranked}"
    mean = row.geometric_mean
    bound = "≥ " if mean is not None and mean.lower_bound else ""
    ratio = "" if mean is None else f" · ER {bound}{tables.number(mean.value)}"
    return f"{row.objective}: {rank}{ratio}"


def _part(text: str, x: int) -> _Part:
    return _Part(text, x, round(LETTER * len(text) + 2 * SIDE))
