"""The cache: what it keeps can be seen and removed at any time, and what is the user's own in its folder stays."""

import json
import os
import time
from pathlib import Path

import pytest
from cli_support import Answer, Call

from fortifai.cache import DAY, Kept, cached_file, kept, prune, write_cached


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("FORTIFAI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(kind: str, name: str, content: bytes, days: float = 0) -> Path:
    """Cache a file that was last asked for some days ago."""
    path = cached_file(kind, name)
    write_cached(path, content)
    used = time.time() - days * DAY
    os.utime(path, (used, used))
    return path


def test_what_is_kept_is_listed_by_kind() -> None:
    assert kept() == []
    write("plans", "a.json", b"12")
    write("boards", "00/a.z", b"123")
    write("boards", "01/b.z", b"4567")
    assert kept() == [Kept("boards", 2, 7), Kept("plans", 1, 2)]


def test_what_was_not_asked_for_lately_is_removed(folder: Path) -> None:
    old, new = write("plans", "old.json", b"12", days=31), write("boards", "00/new.z", b"123", days=29)
    asked = write("plans", "asked.json", b"1234", days=300)
    assert cached_file("plans", "asked.json") == asked
    assert prune(30) == [Kept("plans", 1, 2)]
    assert [path.exists() for path in (old, new, asked)] == [False, True, True]
    assert prune(0) == [Kept("boards", 1, 3), Kept("plans", 1, 4)]
    assert list(folder.iterdir()) == []


def test_files_of_the_user_s_own_and_what_links_lead_to_stay(folder: Path, tmp_path: Path) -> None:
    write("plans", "a.json", b"12")
    (weights := folder / "inception.pt").write_bytes(b"weights")
    (theirs := tmp_path / "theirs").mkdir()
    (theirs / "file").write_bytes(b"theirs")
    (folder / "linked").symlink_to(theirs)
    (folder / "plans" / "link.json").symlink_to(theirs / "file")
    assert prune(0) == [Kept("plans", 1, 2)]
    assert weights.exists()
    assert (theirs / "file").exists()


def test_asking_for_what_is_not_there_makes_nothing(folder: Path) -> None:
    assert not cached_file("plans", "a.json").exists()
    assert not folder.exists()


def test_the_command_shows_and_removes(folder: Path, call: Call) -> None:
    assert call("cache") == Answer(0, f"{folder}: empty\n", "")
    write("plans", "a.json", b"x" * 2048, days=9)
    assert call("cache") == Answer(0, f"plans: 1 file, 2 KiB\n{folder}: 2 KiB\n", "")
    assert call("cache", "--prune", "10") == Answer(0, f"plans: 1 file, 2 KiB\n{folder}: 2 KiB\n", "")
    answer = json.loads(call("cache", "--prune", "8", "--json").out)
    assert answer == {
        "schema": 1, "folder": str(folder), "kept": [], "removed": [{"kind": "plans", "files": 1, "size": 2048}],
    }  # fmt: skip
    for days in ("-1", "inf", "nan"):
        assert call("cache", "--prune", days) == Answer(2, "", f"fortifai: --prune {days}: must be 0 or more days\n")
