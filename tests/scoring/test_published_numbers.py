"""The numbers in the README are those of the leaderboard, and the leaderboard's page is the one that its JSON gives."""

from pathlib import Path

import pytest

from fortifai.leaderboard.build import page
from fortifai.leaderboard.schema import Leaderboard
from fortifai.results.table import estimate, p_value

ROOT = Path(__file__).parents[2]
BOARDS = sorted((ROOT / "leaderboards").glob("*/leaderboard.json"))


def test_the_readme_says_what_the_leaderboard_says() -> None:
    board = Leaderboard.load(ROOT / "leaderboards" / "tabular-gmm@1" / "leaderboard.json")
    expected = {
        f"| {row.regime} | `{row.objective}` | {estimate(row.fidelity_interval)} | {estimate(row.extension_ratio)} "
        f"| {p_value(row.p_value)} | {row.censored}/{row.chains} |"
        for row in board.rows
        if row.strategy == "replace"
    }
    text = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert {line for line in text if line.startswith(("| biased |", "| drift |"))} == expected


@pytest.mark.parametrize("file", BOARDS, ids=lambda file: file.parent.name)
def test_a_published_page_is_what_its_numbers_give(file: Path) -> None:
    assert (file.parent / "README.md").read_text("utf-8") == page(Leaderboard.load(file))
