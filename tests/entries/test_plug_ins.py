"""Packages beside fortifai whose code made the numbers: named with their version and a hash of their sources."""

import hashlib
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from entry_support import SUBMISSION, content_of
from runner_support import DECLARATION, PLUGIN

import fortifai
from fortifai import code_files
from fortifai.cli import main
from fortifai.entries import submit
from fortifai.errors import UserError
from fortifai.leaderboard.build import build
from fortifai.leaderboard.schema import Leaderboard
from fortifai.records.entry_file import read_entry, write_entry
from fortifai.records.numbers import RunNumbers
from fortifai.report.plug_ins import code_used

LOSS = """
from fortifai.objectives import Selective

class Softer(Selective):
    def weights(self, confidence, mass=None):
        return (1 - confidence.detach().clamp(0, 1))
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of somebody else's with an adapter, as installed."""
    (folder := tmp_path / "site" / "faultless").mkdir(parents=True)
    (folder / "__init__.py").write_text(DECLARATION.replace("faulty", "faultless"))
    (folder / "adapter.py").write_text(PLUGIN)
    (info := tmp_path / "site" / "faultless-1.5.dist-info").mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faultless\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text("[fortifai.modalities]\nfaultless = faultless:declaration\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    importlib.invalidate_caches()
    return folder


def numbers_of(entry: Path, modality: str) -> RunNumbers:
    numbers = read_entry(entry).numbers
    return numbers.model_copy(update={"chains": [chain.model_copy(update={"modality": modality}) for chain in numbers.chains]})


def test_fortifai_itself_is_none(entry: Path) -> None:
    assert content_of(entry)["plug_ins"] == []


def test_a_package_is_named_without_being_imported(entry: Path, package: Path) -> None:
    ((plug_in,), absent) = code_used(numbers_of(entry, "faultless"))
    assert absent == []
    assert (plug_in.name, plug_in.version, plug_in.provides) == ("faultless", "1.5", ["modality faultless"])
    assert plug_in.commit is None
    assert "faultless" not in sys.modules
    (package / "adapter.py").write_text(PLUGIN + "\n")
    assert code_used(numbers_of(entry, "faultless")).plug_ins[0].sha256 != plug_in.sha256


def test_a_checkout_has_its_commit_and_says_whether_it_was_changed(entry: Path, package: Path) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run(["git", "-C", str(package), *who, *words], check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "x")
    ((clean,), _) = code_used(numbers_of(entry, "faultless"))
    assert clean.commit is not None
    assert len(clean.commit) == 40
    (package / "more.py").write_text("")
    assert code_used(numbers_of(entry, "faultless")).plug_ins[0].commit == f"{clean.commit}+changes"


def test_the_boards_of_a_run_and_of_its_entry_name_the_package_and_that_of_a_run_says_where_it_is_gone(
    run: Path, entry: Path, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = numbers_of(entry, "faultless")
    monkeypatch.setattr("fortifai.leaderboard.published.numbers_of", lambda folder: numbers)
    theirs = read_entry(entry).model_copy(update={"numbers": numbers, "plug_ins": code_used(numbers).plug_ins})
    write_entry(file := tmp_path / "entries" / entry.name, theirs)

    def commands(source: Path) -> list[str]:
        build(source, tmp_path / "board")
        return Leaderboard.load(tmp_path / "board" / "tiny@1" / "leaderboard.json").reproduce.commands

    install, *others = commands(file)
    assert install == f"pip install 'fortifai[torch]=={numbers.fortifai}' faultless==1.5"
    assert commands(run) == [install, *others]
    shutil.rmtree(package.parent)
    importlib.invalidate_caches()
    assert commands(file) == [install, *others]
    absent = "# and the package of modality faultless, which is not installed here"
    assert commands(run) == [install.removesuffix(" faultless==1.5"), absent, *others]


def test_an_entry_is_made_where_what_it_used_is_installed(run: Path, entry: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("fortifai.entries.submitting.numbers_of", lambda folder: numbers_of(entry, "gone"))
    with pytest.raises(UserError, match="modality gone is not installed here: make the entry where the run was made"):
        submit(run, SUBMISSION, tmp_path)


def test_a_file_of_ones_own_is_named_with_its_hash_and_run_again_where_it_is_given(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(code_files, "_files", {})
    (mine := tmp_path / "mine.py").write_text(LOSS)
    run = fortifai.run(suite, tmp_path, objectives=[f"{mine}:Softer"], quiet=True).path
    file, made = submit(run, SUBMISSION, tmp_path)
    (plug_in,) = made.plug_ins
    assert (plug_in.name, plug_in.version, plug_in.provides) == ("mine.py", "file", ["objective mine.py:Softer"])
    assert plug_in.sha256 == hashlib.sha256(mine.read_bytes()).hexdigest()
    assert made.commands[1] == f"# in a folder with mine.py, of SHA-256 {plug_in.sha256}:"
    assert "--objective mine.py:Softer:unit=component" in made.commands[2]

    def check(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(code_files, "_files", {})
        monkeypatch.setattr(sys, "argv", ["fortifai", "leaderboard", "check", str(file), "--suite", str(suite), *words])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out + captured.err

    assert check() == (0, f"{file}: good\n")
    code, said = check("--reproduce", "12")
    assert code != 0
    assert "mine.py is a file of somebody's own; name its path" in said
    code, said = check("--reproduce", "12", "--code", str(mine))
    assert (code, said) == (0, f"{file}: good; 12 chains run again, the same to the last bit\n")
    mine.write_text(LOSS + "\n")
    code, said = check("--reproduce", "12", "--code", str(mine))
    assert code != 0
    assert "or a file of its own code, is not the same" in said
