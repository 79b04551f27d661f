"""The numbers in README and docs are those of the leaderboards, and a leaderboard's page is the one that its JSON gives."""

import re
from pathlib import Path

import pytest

from fortifai.leaderboard.ranking import page, rank
from fortifai.leaderboard.schema import Leaderboard, RankedRow
from fortifai.records.entry import ENDING
from fortifai.records.entry_file import read_entry
from fortifai.report.tables import estimate, p_value, share

ROOT = Path(__file__).parents[2]
BOARDS = sorted((ROOT / "leaderboards").glob("*/leaderboard.json"))
MARK = re.compile(r"<!-- from (leaderboards/\S+/leaderboard\.json), strategies (.+); a test compares -->\n\n((?:\|.*\n)+)")
"""What stands above a table that was copied from a leaderboard: all rows of these strategies."""

CELLS = {
    "regime": lambda row: row.regime,
    "strategy": lambda row: f"`{row.strategy}`",
    "objective": lambda row: f"`{row.objective}`",
    "FI": lambda row: estimate(row.fidelity_interval),
    "ER": lambda row: estimate(row.extension_ratio),
    "p": lambda row: p_value(row.p_value),
    "ER, all thresholds": lambda row: estimate(row.ratio_over_thresholds),
    "censored": lambda row: f"{row.censored}/{row.chains}",
    "masked": lambda row: share(row.masked_share),
}


def copies() -> list[tuple[Path, str, str, str]]:
    """Every table of README and docs that says which leaderboard it is from."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [(file, *match) for file in pages for match in MARK.findall(file.read_text("utf-8"))]


def line(headings: list[str], row: RankedRow) -> str:
    return f"| {' | '.join(CELLS[heading](row) for heading in headings)} |"


@pytest.mark.parametrize("copy", copies(), ids=lambda copy: f"{copy[0].name}-{copy[1].split('/')[1]}")
def test_a_table_says_what_its_leaderboard_says(copy: tuple[Path, str, str, str]) -> None:
    _, board, strategies, table = copy
    heading, _, *rows = table.splitlines()
    headings = [cell.strip() for cell in heading.strip("|").split("|")]
    named = re.findall(r"`(.+?)`", strategies)
    expected = [line(headings, row) for row in Leaderboard.load(ROOT / board).rows if row.strategy in named]
    assert {row.strategy for row in Leaderboard.load(ROOT / board).rows} >= set(named)
    assert sorted(rows) == sorted(expected)


def test_every_leaderboard_has_a_table_in_the_docs() -> None:
    shown = {board for _, board, *_ in copies()}
    assert shown == {str(file.relative_to(ROOT)) for file in BOARDS}


@pytest.mark.parametrize("file", BOARDS, ids=lambda file: file.parent.name)
def test_a_published_page_is_what_its_numbers_give(file: Path) -> None:
    assert (file.parent / "README.md").read_text("utf-8") == page(Leaderboard.load(file))


@pytest.mark.parametrize("file", sorted((ROOT / "leaderboards" / "entries").glob(f"*{ENDING}")), ids=lambda file: file.name)
def test_a_published_board_is_what_its_entry_gives(file: Path) -> None:
    entry = read_entry(file)
    board = rank(entry.numbers, entry.commands)
    folder = ROOT / "leaderboards" / board.identity
    assert (folder / "leaderboard.json").read_text("utf-8") == board.model_dump_json(indent=2) + "\n"
    assert (folder / "README.md").read_text("utf-8") == page(board)
