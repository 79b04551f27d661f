"""Every command that the documentation shows exists, with the options, suites and names that it is shown with."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
import typer
from docs_support import ROOT, WRITTEN, blocks, code_spans, name, text

from fortifai import code_files, objectives
from fortifai.cli.app import app
from fortifai.code_files import admit
from fortifai.planning.suite_file import load_suite
from fortifai.recursion import strategies
from fortifai.runner.executor import executors

GROUP: Any = typer.main.get_command(app)

OF_BENCHMARKS = {"--size", "--source", "--vocabulary", "--away", "--begin", "--commit", "--least", "--life", "--most"}
"""Options of scripts in benchmarks/ that pages name without the script."""

GROUPS_OF_ENTRY_POINTS = {"fortifai.modalities", "fortifai.strategies", "fortifai.executors"}


def shown(page: Path) -> Iterator[list[str]]:
    """Yield the words of every command that a page shows after a $."""
    for block in blocks(page, "console"):
        for line in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
            for command in shlex.join(shlex.split(line, comments=True)).split(" '&&' "):
                yield shlex.split(command)


def ours(page: Path) -> list[list[str]]:
    """Return the arguments of every `fortifai` command that a page shows after a $."""
    return [words[1:] for words in shown(page) if words[0] == "fortifai"]


def find(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that these words call, and its arguments."""
    command, rest = GROUP, list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        command = command.commands[rest.pop(0)]
    return command, rest


def values(words: list[str]) -> dict[str, Any]:
    """Parse a command's arguments, as the command line does, without running it."""
    command, rest = find(words)
    parameters: dict[str, Any] = command.make_context(command.name, rest).params
    return parameters


def options(command: Any) -> set[str]:
    """Return every option of a command, and of the commands below it."""
    own = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
    if command.name == "run":
        own |= {f"--{name.replace('_', '-')}" for executor in executors for name in executors.get(executor).Options.model_fields}
    return own.union(*(options(inner) for inner in getattr(command, "commands", {}).values()))


@pytest.mark.parametrize("page", [page for page in WRITTEN if ours(page)], ids=name)
def test_every_command_can_be_parsed(page: Path) -> None:
    for words in ours(page):
        values(words)


@pytest.mark.parametrize("page", [page for page in WRITTEN if ours(page)], ids=name)
def test_every_suite_regime_objective_and_strategy_of_a_command_exists(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (content,) = blocks(ROOT / "docs" / "first-suite.md", "toml")
    (tmp_path / "mine.toml").write_text(content)  # the suite that pages call the reader's own
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    for code in blocks(page, "python"):  # files of the reader's own begin with their name
        if (file := code.partition("\n")[0].removeprefix("# ")).endswith(".py"):
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(code_files, "_files", {})
    begun = {f"{words[1]}-quick" for words in ours(page) if words[0] == "new-modality"}  # suites of the reader's own packages
    for words in ours(page):
        given = values(words)
        for objective in given.get("objective") or ():
            objectives.resolve(admit(objective))
        for strategy in given.get("strategy") or ():
            strategies.resolve(admit(strategy))
        if "suite" in given and given["suite"] not in begun:
            suite = load_suite(given["suite"], given.get("set_") or ())
            for regime in given.get("regime") or ():
                suite.regime(regime)


@pytest.mark.parametrize("page", WRITTEN, ids=name)
def test_every_command_named_in_a_sentence_exists_with_its_options(page: Path) -> None:
    for span in code_spans(page):
        words = span.split()
        if words[0] == "fortifai":
            command, rest = find([word for word in words[1:] if word != "..."])
            assert {word for word in rest if word.startswith("--")} <= options(command), span


def test_every_option_named_alone_is_one_of_some_command() -> None:
    alone = {(page, span.split()[0].partition("=")[0]) for page in WRITTEN for span in code_spans(page) if span.startswith("--")}
    unknown = {(name(page), option) for page, option in alone if option not in options(GROUP)}
    assert {option for _, option in unknown} <= OF_BENCHMARKS


@pytest.mark.parametrize("page", WRITTEN, ids=name)
def test_every_environment_of_tox_that_is_shown_exists(page: Path) -> None:
    declared = (ROOT / "tox.ini").read_text("utf-8")
    for environment in re.findall(r"tox -e (\w+)", text(page)):
        assert re.search(rf"^\[testenv:\{{?([\w,]*,)?{environment}[\],}}]", declared, re.MULTILINE), environment
    for label in re.findall(r"tox -m (\w+)", text(page)):
        assert re.search(rf"^ +{label} =", declared, re.MULTILINE), label


@pytest.mark.parametrize("page", WRITTEN, ids=name)
def test_every_python_block_can_be_parsed(page: Path) -> None:
    for code in blocks(page, "python"):
        ast.parse(code)


@pytest.mark.parametrize("page", [page for page in WRITTEN if page.name != "CHANGELOG.md"], ids=name)  # which has former names
def test_every_dotted_name_that_a_sentence_uses_can_be_imported(page: Path) -> None:
    for span in code_spans(page):
        if re.fullmatch(r"fortifai(\.\w+)+", span) and span not in GROUPS_OF_ENTRY_POINTS:
            assert resolve_name(span)
