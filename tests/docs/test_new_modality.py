"""The page on a new modality, typed as it stands: its files, its edits and its commands, in order.

The package is really installed, editable, in an environment of its own; what the page's `pip` would fetch is here already.
"""

import re
import shlex
from pathlib import Path

import pytest
from docs_support import FENCE, ROOT, text
from scaffold_support import Environment

import fortifai
from fortifai.leaderboard.schema import Leaderboard
from fortifai.records.reading import read_chains

PAGE = ROOT / "docs" / "new-modality.md"
STEPS = [(tag, code) for _, tag, code in FENCE.findall(text(PAGE))]
ONE_CHECK = ("--check", "fit_returns_what_it_should")
"""Checks are made again by the package's own tests, which the page has typed next."""


def edit(folder: Path, diff: str) -> None:
    """Replace the lines of a file that a block shows after - by those after +."""
    head, *lines = diff.splitlines()
    file = folder / head.removeprefix("--- ")
    old, new = ("".join(f"{line[1:]}\n" for line in lines if line[0] == sign) for sign in "-+")
    content = file.read_text()
    assert content.count(old) == 1, head
    file.write_text(content.replace(old, new))


def commands(block: str) -> list[tuple[str, str]]:
    """Return the commands of a block, each with what it is shown to print."""
    return [(command, printed) for command, printed in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which everything of the page was done."""
    folder = tmp_path_factory.mktemp("walk")
    environment = Environment(tmp_path_factory.mktemp("environment"))
    for tag, code in STEPS:
        if tag == "python":
            head, _, _ = code.partition("\n")
            (folder / head.removeprefix("# ")).write_text(code)
        elif tag == "diff":
            edit(folder, code)
        for command, printed in commands(code) if tag == "console" else ():
            words = shlex.split(command)
            ended = environment.type([*words, *(ONE_CHECK if "check-adapter" in words else ())], folder)
            assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
            assert ended.stdout == printed or not printed, command
            if words[:2] == ["fortifai", "list"]:
                assert re.search(r"clinic .*\(of fortifai-clinic 0\.1\.0\)", ended.stdout)
    return folder


def test_every_block_of_the_page_is_typed() -> None:
    assert {tag for tag, _ in STEPS} == {"console", "python", "diff"}


def test_the_page_ends_with_a_score_of_ones_own_data_and_model(walked: Path) -> None:
    run = walked / "runs" / "clinic-quick@2"
    rows = {(row.objective, row.strategy): row for row in fortifai.score(run).rows}
    baseline = rows["ce", "replace"]
    assert baseline.chains == 5
    assert baseline.fidelity_interval is not None
    assert {chain.identity["adapter"] for chain in read_chains(run)} == {"2"}
    shown = next(run.glob("*/examples/*.txt")).read_text()
    assert shown.startswith("mean texture, mean smoothness")


def test_it_stands_on_a_board_that_says_which_package_to_install(walked: Path) -> None:
    board = Leaderboard.load(walked / "board" / "clinic-quick@2" / "leaderboard.json")
    assert {row.modality for row in board.rows} == {"clinic"}
    assert board.reproduce.commands == [
        f"pip install 'fortifai[torch]=={fortifai.__version__}' fortifai-clinic==0.1.0",
        "fortifai run clinic-quick --out runs",
        "fortifai score runs/clinic-quick@2",
    ]
    assert "fortifai-clinic==0.1.0" in (walked / "board" / "clinic-quick@2" / "index.html").read_text()


def test_the_package_as_it_was_written_collapses_and_stays_beside_it(walked: Path) -> None:
    assert {folder.name for folder in (walked / "runs").iterdir()} == {"clinic-quick@1", "clinic-quick@2"}
    rows = {(row.objective, row.strategy): row for row in fortifai.score(walked / "runs" / "clinic-quick@1").rows}
    assert {strategy for _, strategy in rows} == {"replace", "control"}
    baseline = rows["ce", "replace"]
    assert (baseline.chains, baseline.censored, baseline.incomplete) == (5, 0, 0)  # cross entropy collapses within the horizon
    assert all(row.censored == row.chains for (_, strategy), row in rows.items() if strategy == "control")
