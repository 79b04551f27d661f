"""The command line, run in this process, and a small suite."""

import sys
from pathlib import Path

import pytest
from hostile_support import SUITE, Answer, Call

from fortifai.cli import main


@pytest.fixture(autouse=True)
def nothing_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every plan read its data."""
    monkeypatch.setenv("FORTIFAI_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def call(monkeypatch, capsys, tmp_path) -> Call:
    """Run the command line in this process, in an empty folder."""
    (here := tmp_path / "here").mkdir()

    def call(*words: object) -> Answer:
        monkeypatch.chdir(here)
        monkeypatch.setattr(sys, "argv", ["fortifai", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return Answer(int(end.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (path := tmp_path / "small.toml").write_text(SUITE)
    return path
