"""The README fits on a screen or two, and its table across modalities says what the leaderboards say."""

import re

from docs_support import ROOT, blocks, rows, text

from fortifai import objectives
from fortifai.leaderboard.schema import Leaderboard, RankedRow
from fortifai.report.tables import estimate, p_value

README = ROOT / "README.md"
BOARDS = sorted((ROOT / "leaderboards").glob("*/leaderboard.json"))
COMMENT = "<!-- from leaderboards/*/leaderboard.json, strategy `replace`, every regime; a test compares every number -->"


def table() -> str:
    """Return the table below the comment."""
    return text(README).partition(f"{COMMENT}\n\n")[2].partition("\n\n")[0]


def is_truncating(row: RankedRow) -> bool:
    """Return whether a row's objective leaves elements out, as opposed to weighing them all."""
    return not isinstance(objectives.resolve(row.objective), objectives.CrossEntropy | objectives.Focal)


def best(candidates: list[RankedRow]) -> RankedRow:
    """Return the row with the highest extension ratio."""
    return max((row for row in candidates if row.extension_ratio is not None), key=ratio)


def ratio(row: RankedRow) -> float:
    assert row.extension_ratio is not None
    return row.extension_ratio.value


def cells(row: RankedRow) -> list[str]:
    return [f"`{row.objective}`", estimate(row.extension_ratio), p_value(row.p_value)]


def expected() -> list[list[str]]:
    """Return the table that the leaderboards give."""
    lines = []
    for file in BOARDS:
        board = [row for row in Leaderboard.load(file).rows if row.strategy == "replace"]
        for regime in sorted({row.regime or "" for row in board}):
            group = [row for row in board if row.regime == regime]
            baseline = next(row for row in group if row.objective == "ce")
            truncating, any_objective = best([row for row in group if is_truncating(row)]), best(group)
            last = ["the same", "", ""] if any_objective is truncating else cells(any_objective)
            lines.append([f"`{baseline.modality}`", regime, estimate(baseline.fidelity_interval), *cells(truncating), *last])
    return sorted(lines)


def test_the_table_says_what_the_leaderboards_say() -> None:
    assert len(BOARDS) == 4
    assert sorted(rows(table())) == expected()


def test_the_sentences_below_it_count_what_it_shows() -> None:
    answer = text(README).partition(table())[2].strip().partition("\n\n")[0]
    gains = [line for line in expected() if float(line[5].removeprefix("<")) < 0.05 and float(line[4].split()[-3]) > 1]
    assert len(expected()) == 6
    assert [line[:2] for line in gains] == [["`tabular`", "biased"]]
    assert "In one regime of six, a table under sampling bias," in " ".join(answer.split())


def test_the_first_screen_has_both_commands() -> None:
    commands = "".join(blocks(README, "console"))
    assert "pip install tox && tox -e quickstart " in commands
    assert re.search(r"pip install tox && tox +#", commands)
    assert len(text(README).splitlines()) <= 90
