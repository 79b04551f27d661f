"""The command line as a fixture."""

import sys
from pathlib import Path

import pytest
from cli_support import SUITE, Answer, Call

from fortifai.cli import main


@pytest.fixture
def call(monkeypatch, capsys) -> Call:
    """Run the command line in this process."""

    def call(*words: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["fortifai", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return Answer(int(end.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SUITE)
    return path
