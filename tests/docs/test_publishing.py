"""The walk from a run to a checked entry, typed as docs/publishing.md has it."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from docs_support import ROOT, blocks

from fortifai.cli import main
from fortifai.runner.executor import executors

PAGE = ROOT / "docs" / "publishing.md"
COMMANDS = [line.removeprefix("$ ") for block in blocks(PAGE, "console") for line in block.splitlines()]
WORKFLOW = (ROOT / ".github" / "workflows" / "entries.yml").read_text("utf-8")


def test_every_command_of_the_walk_does_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "docs" / "examples")
    monkeypatch.chdir(tmp_path)
    assert "local" in executors
    monkeypatch.setitem(executors._entries, "local", executors._entries["in-process"])  # no number depends on it
    said: dict[str, str] = {}
    for command in COMMANDS:
        program, *words = shlex.split(command)
        assert program == "fortifai"
        monkeypatch.setattr(sys, "argv", ["fortifai", *words])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        assert end.value.code in (0, None), captured.err
        said[" ".join(words[:2])] = captured.out
    digests = [re.findall("digest ([0-9a-f]{16})", out) for name, out in said.items() if name.startswith("verify")]
    assert len(digests) == 2
    assert digests[0] == digests[1] != []
    assert said["leaderboard check"] == "entries/tiny@1--quantile.json.gz: good; 1 chain run again, the same to the last bit\n"
    assert len(COMMANDS) < 10
    assert (tmp_path / "boards" / "tiny@1" / "README.md").is_file()
    before = (tmp_path / "boards" / "tiny@1" / "leaderboard.json").read_bytes()
    monkeypatch.setattr(sys, "argv", ["fortifai", "leaderboard", "build", "runs", "--out", "boards"])
    with pytest.raises(SystemExit):
        main()
    assert (tmp_path / "boards" / "tiny@1" / "leaderboard.json").read_bytes() == before


def test_the_workflow_checks_by_the_same_command_with_options_that_exist() -> None:
    from test_commands import values  # how the command line reads words

    (command,) = re.findall(r"fortifai (leaderboard check [^\n]+\n[^\n]+)", WORKFLOW)
    options = values(shlex.split(command))
    assert options["files"] == [Path("proposed/leaderboards/entries")]
    assert (options["standing"], options["reproduce"]) == (Path("base/leaderboards/entries"), 2)
