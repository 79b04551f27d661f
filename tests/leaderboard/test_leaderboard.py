"""Leaderboard pages: ranks, bytes, and what they tell a reader."""

import json
import shutil
from itertools import groupby

import pytest
from trajectory_support import falling, write_chain, write_run

from fortifai.errors import UserError
from fortifai.leaderboard import build

TCE = "tce:gamma=0.9"


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    run = write_run(folder)
    for seed in range(3):
        write_chain(run, "ce", seed, falling(2 + seed))
        write_chain(run, TCE, seed, falling(5 + 2 * seed))
        write_chain(run, "focal:gamma=2", seed, falling(2 + seed))
        write_chain(run, "ce", seed, falling(90), strategy="control")
    return folder


def board(out, identity="quick@1"):
    return json.loads((out / identity / "leaderboard.json").read_text()), (out / identity / "README.md").read_text()


def test_objectives_are_ranked_by_fidelity_interval_and_ties_share_a_rank(runs, tmp_path):
    written = build(runs, tmp_path / "out")
    assert [path.name for path in written] == [
        "index.html",
        "index.html",
        "score.csv",
        "score.tex",
        "leaderboard.json",
        "README.md",
        "badge.svg",
    ]
    content, _ = board(tmp_path / "out")
    ranks = [(row["rank"], row["objective"]) for row in content["rows"] if row["strategy"] == "replace"]
    assert ranks == [(1, TCE), (2, "ce"), (2, "focal:gamma=2")]
    assert content["schema"] == 2
    assert (content["suite"], content["version"], content["rule"], content["baseline"]) == ("quick", 1, "phi<0.75", "ce")


def test_the_page_says_what_was_run_and_how_to_run_it(runs, tmp_path):
    build(runs, tmp_path / "out")
    content, page = board(tmp_path / "out")
    for command in (
        "pip install 'fortifai[torch]==0.1.0'",
        "fortifai run quick --out runs --regime drift --strategy control --objective ce --seeds 3 --generations 10",
        "fortifai run quick --out runs --regime drift --strategy replace --objective focal:gamma=2 --objective tce:gamma=0.9 "
        "--seeds 3 --generations 10",
        "fortifai score runs/quick@1",
    ):
        assert command in content["reproduce"]["commands"]
        assert command in page
    assert "## tabular · mixture-5 · drift · replace" in page
    assert "| 1 | `tce:gamma=0.9` | 7.00 [" in page
    assert "0 % [0, 56]" in page
    assert "| drift | 3 | 10 | 1.00 | `d0` |" in page
    assert "commit c0ffee" in page


def test_every_row_of_a_table_on_the_page_has_all_its_cells(runs, tmp_path):
    build(runs, tmp_path / "out")
    blocks = groupby(board(tmp_path / "out")[1].splitlines(), key=lambda line: line.startswith("|"))
    tables = [[line.count("|") for line in lines] for is_table, lines in blocks if is_table]
    assert tables == [[12] * 3, [14] * 5, [6] * 3]


def test_rebuilding_gives_the_same_bytes_wherever_the_runs_are(runs, tmp_path):
    before = [path.read_bytes() for path in build(runs, tmp_path / "out")]
    shutil.copytree(runs, tmp_path / "elsewhere")
    assert [path.read_bytes() for path in build(tmp_path / "elsewhere", tmp_path / "out")] == before
    assert [path.read_bytes() for path in build(runs / "quick@1", tmp_path / "single")] == before
    assert not list((tmp_path / "out").rglob(".*"))


def test_incomplete_and_unscored_objectives_are_on_the_page(runs, tmp_path):
    run = runs / "quick@1"
    write_chain(run, "ce", 3, falling(2, 4), horizon=10)
    write_chain(run, "tce:gamma=0.5", 0, falling(2, 4), horizon=10)
    build(runs, tmp_path / "out")
    content, page = board(tmp_path / "out")
    last = [row for row in content["rows"] if row["strategy"] == "replace"][-1]
    assert (last["rank"], last["objective"]) == (None, "tce:gamma=0.5")
    assert "`ce`: 1 incomplete chain, not scored" in page
    assert "| – | `tce:gamma=0.5` |" in page


def test_settings_that_were_overridden_are_part_of_the_command(tmp_path):
    run = write_run(tmp_path / "runs", overrides={"n": 100, "data": "my table.csv"})
    write_chain(run, "ce", 0, falling(2))
    build(tmp_path / "runs", tmp_path / "out")
    content, _ = board(tmp_path / "out", run.name)
    assert content["reproduce"]["commands"][1].endswith("--seeds 1 --generations 10 --set 'data=my table.csv' --set n=100")


def test_regimes_that_differ_in_seeds_or_generations_have_commands_of_their_own(runs, tmp_path):
    write_chain(runs / "quick@1", "ce", 0, falling(2, 20), regime="biased")
    build(runs, tmp_path / "out")
    reproduce = board(tmp_path / "out")[0]["reproduce"]
    biased = "fortifai run quick --out runs --regime biased --strategy replace --objective ce --seeds 1 --generations 20"
    assert reproduce["commands"][1] == biased
    assert reproduce["generations"] == {"biased": 20, "drift": 10}
    assert reproduce["seeds"] == {"biased": 1, "drift": 3}


def test_several_modalities_have_a_geometric_mean(runs, tmp_path):
    build(runs, tmp_path / "one")
    assert board(tmp_path / "one")[0]["across_modalities"] == []
    for seed in range(3):
        write_chain(runs / "quick@1", "ce", seed, falling(2), modality="text", regime="text")
        write_chain(runs / "quick@1", TCE, seed, falling(8), modality="text", regime="text")
    build(runs, tmp_path / "out")
    content, page = board(tmp_path / "out")
    assert [row["objective"] for row in content["across_modalities"]] == [TCE]
    across = content["across_modalities"][0]
    assert across["modalities"] == {"tabular": pytest.approx(7 / 3), "text": pytest.approx(4)}
    assert across["geometric_mean"] == pytest.approx((28 / 3) ** 0.5)
    assert "tabular 2.33, text 4.00" in page


def test_no_run_two_runs_of_a_suite_and_a_folder_that_cannot_be_written_are_refused(runs, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no run in it"):
        build(tmp_path / "empty", tmp_path / "out")
    shutil.copytree(runs / "quick@1", runs / "copy")
    with pytest.raises(UserError, match="both runs of quick@1"):
        build(runs, tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        build(runs / "copy", tmp_path / "file")
