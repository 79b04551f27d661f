"""What building a board keeps: the same pages with and without it, of the bytes of an entry, and never what an entry claims."""

from pathlib import Path

import pytest
from trajectory_support import falling, write_chain, write_run

from fortifai import cache
from fortifai.leaderboard import build, published
from fortifai.leaderboard.submission import make_entry
from fortifai.records.entry import Entry, Submission
from fortifai.records.entry_file import encode
from fortifai.records.run_numbers import numbers_of

TCE = "tce:gamma=0.9"


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    run = write_run(tmp_path / "runs")
    for seed in range(3):
        write_chain(run, "ce", seed, falling(2 + seed))
        write_chain(run, TCE, seed, falling(5 + 2 * seed))
    submission = Submission(method="mine", contact="me@example.org")
    return make_entry(numbers_of(run), submission, [], own_suite=True, partial=True)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods of the entries that were read and scored, and not taken from the cache."""
    computed: list[str] = []
    make = published._make

    def noted(numbers, entry):
        computed.append(entry.submission.method)
        return make(numbers, entry)

    monkeypatch.setattr(published, "_make", noted)
    return computed


def written(entry: Entry, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / entry.file_name).write_bytes(encode(entry))
    return folder


def pages(entries: Path, out: Path, workers: int = 1) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in build(entries, out, workers=workers)}


def test_an_entry_is_computed_once_and_its_pages_are_the_same_bytes(entry, made, tmp_path):
    entries = written(entry, tmp_path / "entries")
    first = pages(entries, tmp_path / "a")
    assert pages(entries, tmp_path / "b") == first
    assert made == ["mine"]


def test_what_is_kept_serves_a_page_wherever_it_is(entry, made, tmp_path):
    """An entry alone of its suite has the suite's folder, and one beside another a folder below, with other links."""
    (tmp_path / "out").mkdir()
    entries = written(entry, tmp_path / "out" / "entries")
    assert "entries/quick@1--mine.json.gz" in pages(entries, tmp_path / "out")["quick@1/index.html"].decode()
    other = entry.model_copy(update={"submission": entry.submission.model_copy(update={"method": "theirs"})})
    written(other, entries)
    page = pages(entries, tmp_path / "out")["quick@1/mine/index.html"].decode()
    assert '<a href="../../index.html">' in page
    assert '<a href="../../entries/quick@1--mine.json.gz" download>' in page
    assert "\0" not in page
    assert made == ["mine", "theirs"]


def test_a_score_that_an_entry_claims_is_never_shown(entry, tmp_path):
    honest = pages(written(entry, tmp_path / "entries"), tmp_path / "a")
    lie = {**entry.score, "rows": [{**row, "chains": 999} for row in entry.score["rows"]]}
    lies = written(entry.model_copy(update={"score": lie}), tmp_path / "entries")
    assert pages(lies, tmp_path / "b") == honest


def test_other_code_and_a_damaged_cache_compute_again(entry, made, tmp_path, monkeypatch):
    entries = written(entry, tmp_path / "entries")
    first = pages(entries, tmp_path / "a")
    (file,) = (tmp_path / "cache").rglob("*.z")
    content = bytearray(file.read_bytes())
    for damaged in (content[:-3], content[:40] + bytes([content[40] ^ 1]) + content[41:], b""):
        file.write_bytes(damaged)
        assert pages(entries, tmp_path / "b") == first
    monkeypatch.setattr("fortifai.leaderboard.kept._code", lambda: "another")
    assert pages(entries, tmp_path / "c") == first
    assert made == ["mine"] * 5


def test_a_cache_that_cannot_be_written_to_keeps_nothing(entry, made, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file"))
    entries = written(entry, tmp_path / "entries")
    assert pages(entries, tmp_path / "a") == pages(entries, tmp_path / "b")
    assert made == ["mine"] * 2


def test_workers_give_the_same_bytes(entry, tmp_path, monkeypatch):
    for method in "abc":
        other = entry.model_copy(update={"submission": entry.submission.model_copy(update={"method": method})})
        written(other, tmp_path / "entries")
    alone = pages(tmp_path / "entries", tmp_path / "a")
    monkeypatch.setattr(published, "WORTH_WORKERS", 2)
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "another"))
    assert pages(tmp_path / "entries", tmp_path / "b", workers=2) == alone
