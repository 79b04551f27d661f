"""The page on one's own loss, typed as it stands: its files, and its commands."""

import shlex
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from docs_support import ROOT, blocks

import fortifai
from fortifai import code_files
from fortifai.cli import main
from fortifai.runner.executor import executors

PAGE = ROOT / "docs" / "your-own-loss.md"
FILES = {code.partition("\n")[0].removeprefix("# "): code for code in blocks(PAGE, "python")}
COMMANDS = [line.removeprefix("$ ") for block in blocks(PAGE, "console") for line in block.splitlines()]


def test_every_file_and_every_command_of_the_page_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "docs" / "examples")
    for name, code in FILES.items():
        (tmp_path / name).write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(code_files, "_files", {})
    assert "local" in executors
    monkeypatch.setitem(executors._entries, "local", executors._entries["in-process"])  # no number depends on it
    for command in COMMANDS:
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code in (0, None), capsys.readouterr().err
    rows = {row.objective: row for row in fortifai.score(tmp_path / "runs" / "tiny@1").rows if row.strategy == "replace"}
    assert rows.keys() == {"ce", "softer.py:Softer:power=2"}
    (measured,) = (tmp_path / "runs").glob("tiny@1+*")
    scored = fortifai.score(measured, rule="'spread.py:SPREAD'<0.5")
    assert {row.strategy for row in scored.rows} == {"halves.py:Halves"}


def test_it_is_ten_lines() -> None:
    lines = [line for line in FILES["softer.py"].splitlines() if line and not line.startswith("#")]
    assert len(lines) <= 10


def test_the_entry_points_of_the_page_are_read() -> None:
    (text,) = blocks(PAGE, "toml")
    groups = {f"fortifai.{name}" for name in ("modalities", "objectives", "strategies", "metrics", "suites", "executors")}
    assert tomllib.loads(text)["project"]["entry-points"].keys() <= groups
