"""Entries on a board: the same pages as of the run, fixtures of every version, and the schema that others check against."""

import json
import shutil
from pathlib import Path

import pytest
from trajectory_support import falling, write_chain, write_run

import fortifai
from fortifai.errors import UserError
from fortifai.leaderboard import build
from fortifai.leaderboard.submission import make_entry
from fortifai.records.entry import Entry, Submission
from fortifai.records.entry_file import encode, read_entry
from fortifai.records.entry_verification import verify_entry
from fortifai.records.run_numbers import numbers_of
from fortifai.records.verification import verify_run

ROOT = Path(__file__).parents[2]
FIXTURES = Path(__file__).parent / "fixtures"
TCE = "tce:gamma=0.9"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run in which chains are done, diverged, cut short, crashed, pending and gone."""
    run = write_run(tmp_path / "runs")
    for seed in range(3):
        write_chain(run, "ce", seed, falling(2 + seed))
        write_chain(run, TCE, seed, falling(5 + 2 * seed))
        write_chain(run, "ce", seed, falling(90), strategy="control")
    write_chain(run, "ce", 3, falling(2, 4), diverged=True)
    write_chain(run, TCE, 3, falling(2, 4), horizon=10)
    write_chain(run, "ce", 4, falling(2, 4), horizon=10, failure="out of memory")
    write_chain(run, TCE, 4, [], horizon=10)
    return run


def entry_of(run: Path, folder: Path) -> Path:
    submission = Submission(method="mine", contact="me@example.org")
    entry = make_entry(numbers_of(run), submission, [], own_suite=True, partial=True)
    folder.mkdir(exist_ok=True)
    (file := folder / entry.file_name).write_bytes(encode(entry))
    return file


def published(written):
    """Return the content of what is published by name, but for the pages of the site, which say who sent something in."""
    return {path.name: path.read_bytes() for path in written if path.suffix not in (".html", ".svg")}


def test_a_run_and_its_entry_give_the_same_bytes(run, tmp_path):
    file = entry_of(run, tmp_path / "entries")
    before = published(build(run, tmp_path / "a"))
    assert set(before) == {"leaderboard.json", "README.md", "score.csv", "score.tex"}
    for source in (file, file.parent):
        assert published(build(source, tmp_path / "b")) == before


def test_a_run_and_its_entry_have_the_same_score_and_digest(run, tmp_path):
    file = entry_of(run, tmp_path / "entries")
    assert fortifai.score(file) == fortifai.score(run)
    assert (verify_entry(file).digest, verify_entry(file).is_whole) == (verify_run(run).digest, True)


def test_the_states_of_chains_are_those_of_the_run(run):
    states = sorted(chain.state for chain in numbers_of(run).chains)
    assert states == ["diverged", *["done"] * 9, "failed", "partial", "pending"]


def test_runs_and_entries_stand_side_by_side(run, tmp_path):
    other = write_run(tmp_path / "more", name="other")
    write_chain(other, "ce", 0, falling(2))
    entry_of(other, tmp_path / "runs")
    written = build(tmp_path / "runs", tmp_path / "out")
    assert {path.parent.name for path in written} == {"out", "quick@1", "other@1"}
    entry_of(run, tmp_path / "runs")
    written = build(tmp_path / "runs", tmp_path / "both")
    folders = {str(path.parent.relative_to(tmp_path / "both")) for path in written}
    assert len(folders) == 4
    assert {".", "other@1", "quick@1/run"} < folders
    shutil.copytree(tmp_path / "runs" / "quick@1", tmp_path / "runs" / "again")
    with pytest.raises(UserError, match=r"are both runs of quick@1; build them one at a time"):
        build(tmp_path / "runs", tmp_path / "out")


def test_a_damaged_run_becomes_no_entry(run):
    records = next(run.glob("*/generations.jsonl"))
    records.write_text(records.read_text().replace("0.", "1.", 1))
    with pytest.raises(UserError, match="is damaged"):
        numbers_of(run)


@pytest.mark.parametrize("version", Entry.readable)
def test_an_entry_of_every_version_is_read_scored_and_built(version, tmp_path):
    file = FIXTURES / f"entry-v{version}.json.gz"
    assert read_entry(file).schema_version == version
    assert verify_entry(file).is_whole
    assert fortifai.score(file).rows
    assert len(build(file, tmp_path)) == 7


def test_the_schema_in_the_repository_is_that_of_the_models():
    stored = json.loads((ROOT / "leaderboards" / f"entry-v{Entry.readable[-1]}.schema.json").read_text("utf-8"))
    assert stored == Entry.model_json_schema()


def test_every_field_of_an_entry_says_what_it_is():
    schema = Entry.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        assert model["description"]
        assert all(field.get("description") for field in model["properties"].values())
