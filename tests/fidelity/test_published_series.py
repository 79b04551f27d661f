"""The commands in docs/published.md print what the page says."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from fortifai.cli import main

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```console\n\$ (fortifai .*?)\n(.*?)\n```", (ROOT / "docs" / "published.md").read_text("utf-8"), re.DOTALL)


def test_the_page_has_commands():
    assert len(BLOCKS) == 6


@pytest.mark.parametrize(("command", "printed"), BLOCKS, ids=[command for command, _ in BLOCKS])
def test_a_command_of_the_page_prints_what_it_says(command, printed, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    out = capsys.readouterr().out
    assert [line.rstrip() for line in out.strip("\n").splitlines()] == printed.splitlines()
