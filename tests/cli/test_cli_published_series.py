"""The commands in docs/published.md print what the page says."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```console\n\$ (fortifai .*?)\n(.*?)\n```", (ROOT / "docs" / "published.md").read_text("utf-8"), re.DOTALL)


def test_the_page_has_commands():
    assert len(BLOCKS) == 5


@pytest.mark.parametrize(("command", "printed"), BLOCKS, ids=[command for command, _ in BLOCKS])
def test_a_command_of_the_page_prints_what_it_says(call, monkeypatch, command, printed):
    monkeypatch.chdir(ROOT)
    answer = call(*shlex.split(command)[1:])
    assert answer.code == 0
    assert [line.rstrip() for line in answer.out.strip("\n").splitlines()] == printed.splitlines()
