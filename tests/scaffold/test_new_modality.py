"""`fortifai new-modality`: what it writes is good as it stands, and what it refuses leaves nothing behind."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from fortifai.cli import main
from fortifai.errors import UserError
from fortifai.planning.suite_file import suites
from fortifai.scaffold.steps import commands_of, steps_of
from fortifai.scaffold.writing import LONGEST, package_of, write_package

LONG = "a" + "-b2" * 13
"""As long as a name can be: what the templates have room for shows here."""


@pytest.fixture(scope="module", params=["my-thing", LONG])
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "package"
    write_package(request.param, folder)
    return folder


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def run(*words: str, cwd: Path) -> None:
    ended = subprocess.run([sys.executable, "-m", *words], cwd=cwd, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_new_package_is_of_good_style(package: Path) -> None:
    run("ruff", "check", "--no-cache", ".", cwd=package)
    run("ruff", "format", "--no-cache", "--check", ".", cwd=package)


def test_the_declaration_and_configuration_import_no_torch(package: Path) -> None:
    (inner,) = package.glob("fortifai_*")
    for name in (inner.name, f"{inner.name}.config"):
        code = f"import sys, {name}; sys.exit('torch' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], cwd=package, check=False).returncode == 0, name


def test_the_same_name_gives_the_same_bytes_whatever_the_folder(tmp_path: Path) -> None:
    write_package("my-thing", tmp_path / "one" / "thing")
    write_package("my-thing", tmp_path / "other" / "thing")
    assert hashes(tmp_path / "one") == hashes(tmp_path / "other")


def test_every_file_that_is_to_be_edited_is_there_and_the_adapter_is_short(package: Path) -> None:
    (inner,) = package.glob("fortifai_*")
    (suite,) = inner.glob("*-quick.toml")
    name = suite.name.removesuffix("-quick.toml")
    assert all((package / step.file).is_file() for step in steps_of(inner.name, name))
    assert len((inner / "adapter.py").read_text().splitlines()) <= 150
    readme = (package / "README.md").read_text()
    assert all(command in readme for command in commands_of(name, Path("package")))


@pytest.mark.parametrize(
    "name",
    ["", "Thing", "my_thing", "1st", "-thing", "thing-", "a--b", "a b", "../thing", "thing\n", "ding\u0301", "a" * (LONGEST + 1)],
)
def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot be the name of a modality: it takes lower case letters"):
        write_package(name, tmp_path / "new" / "package")
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_is_refused_with_the_package_that_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"modality 'tabular' is there already: fortifai .* brings it"):
        write_package("tabular", tmp_path / "new")
    monkeypatch.setitem(suites._entries, "my-thing-quick", "somewhere")
    with pytest.raises(UserError, match="suite 'my-thing-quick' is there already"):
        write_package("my-thing", tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("file", "folder", "link"):
        with pytest.raises(UserError, match="exists already, and nothing is overwritten"):
            write_package("my-thing", tmp_path / name)
    with pytest.raises(UserError, match="cannot be written"):
        write_package("my-thing", tmp_path / "file" / "below")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "link"]
    assert (tmp_path / "file").read_text() == "mine"


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, *_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError, match="No space left on device"):
        write_package("my-thing", tmp_path / "thing")
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_is_wrong_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, code in (("My Thing", 2), ("text", 2), ("my-thing", 0), ("my-thing", 2)):
        monkeypatch.setattr(sys, "argv", ["fortifai", "new-modality", name])
        with pytest.raises(SystemExit) as end:
            main()
        assert (end.value.code or 0) == code
        captured = capsys.readouterr()
        assert captured.err.count("\n") == (1 if code else 0), captured.err
        assert bool(captured.out) != bool(code)
    assert package_of("my-thing") == "fortifai_my_thing"
    assert [path.name for path in tmp_path.iterdir()] == ["fortifai-my-thing"]
