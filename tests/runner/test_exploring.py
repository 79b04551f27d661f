"""A run of explore seeds: a folder of its own, which says so wherever it is scored and is never published."""

import json
import shutil
from pathlib import Path

import pytest
from runner_support import write_suite

import fortifai
from fortifai.entries import submit
from fortifai.errors import UserError
from fortifai.leaderboard import build
from fortifai.records.entry import Submission
from fortifai.records.verification import verify_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of each kind."""
    out = tmp_path_factory.mktemp("runs")
    for explore in (False, True):
        fortifai.run(write_suite(out), out, explore=explore, seeds=2, generations=2, executor="in-process", quiet=True)
    return out


def seeds(run: Path) -> set[int]:
    return {json.loads(file.read_text())["seed"] for file in run.glob("*/chain.json")}


def test_each_kind_has_its_folder(runs: Path) -> None:
    assert seeds(runs / "tiny@1") == {0, 1}
    assert seeds(runs / "tiny@1+explore") == {10_000, 10_001}
    assert verify_run(runs / "tiny@1+explore").is_whole


def test_every_row_of_a_score_says_it(runs: Path) -> None:
    explored, confirmed = (fortifai.score(runs / name).rows for name in ("tiny@1+explore", "tiny@1"))
    assert all("explored: of seeds that settings are chosen on" in (row.reason or "") for row in explored)
    assert not any("explored" in (row.reason or "") for row in confirmed)


@pytest.mark.parametrize(("source", "target"), [("tiny@1+explore", "tiny@1"), ("tiny@1", "tiny@1+explore")])
def test_a_chain_of_the_other_kind_is_never_scored_among_them(runs: Path, tmp_path: Path, source: str, target: str) -> None:
    run = Path(shutil.copytree(runs / target, tmp_path / target))
    stray = next(file.parent for file in (runs / source).glob("*/chain.json"))
    shutil.copytree(stray, run / stray.name)
    assert any("in a run of those" in finding.what for finding in verify_run(run).of("damaged"))
    with pytest.raises(UserError):
        fortifai.score(run)


def test_a_leaderboard_leaves_it_out_and_says_so(runs: Path, tmp_path: Path) -> None:
    remarks: list[str] = []
    written = build(runs, tmp_path / "boards", remarks.append)
    assert {path.parent.name for path in written} == {"boards", "tiny@1"}
    (remark,) = remarks
    assert remark.startswith(f"{runs / 'tiny@1+explore'}: left out: it is of explore seeds")


def test_it_can_be_neither_published_nor_submitted(runs: Path, tmp_path: Path) -> None:
    run = runs / "tiny@1+explore"
    with pytest.raises(UserError, match="is of explore seeds"):
        build(run, tmp_path / "boards")
    with pytest.raises(UserError, match="is of explore seeds"):
        submit(run, Submission(method="mine", contact="me@example.org"), tmp_path)
    assert not list(tmp_path.iterdir())
