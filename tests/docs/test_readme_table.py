"""The README fits on a screen or two, and its table across modalities says what the leaderboards say."""

import re

from docs_support import ROOT, blocks, rows, text

from fortifai.leaderboard.schema import Leaderboard, RankedRow
from fortifai.report.tables import estimate

README = ROOT / "README.md"
OF_THEIR_OWN = ("quick", "tabular-decisions", "tabular-ecosystem")
"""Suites that the README leaves to their pages: one smaller than those to cite, and two that ask another question of tables."""

BOARDS = [
    file
    for file in sorted((ROOT / "leaderboards").glob("*/leaderboard.json"))
    if file.parent.name.partition("@")[0] not in OF_THEIR_OWN
]
COMMENT = (
    "<!-- from leaderboards/*/leaderboard.json, strategy `replace`, every regime; "
    "a test compares every number and says what is left to other pages -->"
)
FAMILIES = (("tce", "tce-quantile", "tce-adaptive"), ("tce-anchored",), ("tce-online",), ("focal",), ("tce-reverse",))
"""The objectives of each column; of several the one with the highest extension ratio is shown."""


def table() -> str:
    """Return the table below the comment."""
    return text(README).partition(f"{COMMENT}\n\n")[2].partition("\n\n")[0]


def shown(group: list[RankedRow], family: tuple[str, ...]) -> RankedRow | None:
    """Return the row of a family of objectives with the highest extension ratio, if there is any."""
    own = [row for row in group if row.objective.partition(":")[0] in family and row.extension_ratio is not None]
    return max(own, key=ratio, default=None)


def ratio(row: RankedRow) -> float:
    assert row.extension_ratio is not None
    return row.extension_ratio.value


def groups() -> list[tuple[str, str, list[RankedRow]]]:
    """Return suite, regime and rows of every regime of every leaderboard, under `replace`."""
    listed = []
    for file in BOARDS:
        board = Leaderboard.load(file)
        rows_of = [row for row in board.rows if row.strategy == "replace"]
        for regime in sorted({row.regime or "" for row in rows_of}):
            listed.append((board.identity, regime, [row for row in rows_of if row.regime == regime]))
    return listed


def expected() -> list[list[str]]:
    """Return the table that the leaderboards give."""
    lines = []
    for suite, regime, group in groups():
        baseline = next(row for row in group if row.objective == "ce")
        best = [shown(group, family) for family in FAMILIES]
        cells = ["" if row is None else estimate(row.extension_ratio) for row in best]
        lines.append([f"`{suite}`", regime, estimate(baseline.fidelity_interval), *cells])
    return sorted(lines)


def test_the_table_says_what_the_leaderboards_say() -> None:
    assert len(BOARDS) == 7
    assert sorted(rows(table())) == expected()


def test_the_sentence_below_it_names_every_gain_beyond_chance() -> None:
    gains = {
        (suite, regime)
        for suite, regime, group in groups()
        for row in group
        if row.p_value is not None and row.p_value < 0.05 and ratio(row) > 1
    }
    assert gains == {
        ("tabular-gmm@2", "biased"),
        ("paper-gaussian@1", "biased"),
        ("recursive-labels@1", "drift"),
        ("text-lm@2", "biased"),
        ("text-lm@2", "drift"),
    }
    answer = text(README).partition(table())[2].strip().partition("\n\n")[0]
    assert (
        "In five regimes of fourteen something lasts longer than cross entropy beyond chance. On a Gaussian and on tables"
        in " ".join(answer.split())
    )


def test_the_first_screen_has_both_commands() -> None:
    commands = "".join(blocks(README, "console"))
    assert "pip install tox && tox -e quickstart " in commands
    assert re.search(r"pip install tox && tox +#", commands)
    assert len(text(README).splitlines()) <= 90
