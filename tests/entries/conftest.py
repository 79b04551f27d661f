"""A small run and its entry, made once."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_support import Answer, Call
from entry_support import SUBMISSION, SUITE

import fortifai
from fortifai.cli import main
from fortifai.entries import submit
from fortifai.runner.executor import executors


@contextmanager
def running_here() -> Iterator[None]:
    """Run chains in this process, from sources without changes."""
    assert "local" in executors
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(executors._entries, "local", executors._entries["in-process"])
        patch.setattr("fortifai.runner.chain_record.commit", lambda: "c0ffee0")
        yield


@pytest.fixture(autouse=True)
def _here() -> Iterator[None]:
    with running_here():
        yield


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (path := tmp_path_factory.mktemp("suite") / "tiny.toml").write_text(SUITE)
    return path


@pytest.fixture(scope="session")
def run(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with running_here():
        return fortifai.run(suite, tmp_path_factory.mktemp("runs"), quiet=True, keep="none").path


@pytest.fixture(scope="session")
def entry(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return submit(run, SUBMISSION, tmp_path_factory.mktemp("entries"))[0]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run the command line in this process."""

    def call(*words: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["fortifai", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return Answer(int(end.value.code or 0), captured.out, captured.err)

    return call
