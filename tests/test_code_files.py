"""Files of the user's own: run where their path is named, called by name from then on, every mistake told with its place."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fortifai import code_files
from fortifai.errors import UserError
from fortifai.objectives import resolve

SOFTER = '''
from fortifai.config import Identity
from fortifai.objectives import Objective

class Softer(Objective):
    """Softer."""

    gamma: Identity[float] = 1.0

    def weights(self, confidence, mass=None):
        return (1 - confidence).detach()
'''


@pytest.fixture(autouse=True)
def _none_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every test begin as a process does."""
    monkeypatch.setattr(code_files, "_files", {})


@pytest.fixture
def softer(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(SOFTER)
    return tmp_path / "mine.py"


@pytest.mark.parametrize(
    ("text", "name", "parameters"),
    [
        ("ce", "ce", ""),
        ("tce:gamma=0.9", "tce", "gamma=0.9"),
        ("mine.py:Softer", "mine.py:Softer", ""),
        (" ./a/mine.py:Softer:gamma=2,x=1 ", "./a/mine.py:Softer", "gamma=2,x=1"),
        ("mine.py", "mine.py", ""),
    ],
)
def test_a_name_has_its_file_with_it_and_parameters_behind(text: str, name: str, parameters: str) -> None:
    assert code_files.split_name(text) == (name, parameters)


def test_a_class_is_called_by_its_file_without_the_folder(softer: Path) -> None:
    name = code_files.admit(f"{softer}:Softer:gamma=2")
    assert name == "mine.py:Softer:gamma=2"
    assert resolve(name).canonical == name
    assert resolve("mine.py:Softer").canonical == "mine.py:Softer:gamma=1"
    assert code_files.admit("tce:gamma=0.9") == "tce:gamma=0.9"


def test_a_relative_path_starts_from_the_folder_that_is_given(softer: Path) -> None:
    assert code_files.admit("./mine.py:Softer", softer.parent) == "mine.py:Softer"
    assert code_files.admit("mine.py:Softer") == "mine.py:Softer"  # known by now, wherever the process is


def test_a_name_alone_never_makes_a_file_run(softer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(softer.parent)
    for name in ("mine.py:Softer", "./mine.py:Softer", f"{softer}:Softer"):
        with pytest.raises(UserError, match=r"is a file of somebody's own; name its path"):
            resolve(name)
    assert code_files.used_by(["mine.py:Softer"]) == {}


def test_a_file_is_run_once_and_hashed_as_it_was_run(softer: Path) -> None:
    softer.write_text(SOFTER + "\nimport builtins\nbuiltins.runs = getattr(builtins, 'runs', 0) + 1\n")
    for _ in range(2):
        code_files.admit(f"{softer}:Softer")
    import builtins

    assert builtins.runs == 1  # type: ignore[attr-defined]
    (file,) = code_files.used_by(["ce", "mine.py:Softer:gamma=2", "other.py:X"]).values()
    assert file.source == softer.read_bytes()


def test_two_files_of_one_name_are_not_guessed_between(softer: Path, tmp_path: Path) -> None:
    code_files.admit(f"{softer}:Softer")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.py").write_text(SOFTER)
    code_files.admit(f"{tmp_path}/other/mine.py:Softer")  # of the same content
    (tmp_path / "other" / "mine.py").write_text(SOFTER + "#")
    with pytest.raises(UserError, match=r"another mine\.py is in use, .*SHA-256 [0-9a-f]{16}, this one's [0-9a-f]{16}"):
        code_files.admit(f"{tmp_path}/other/mine.py:Softer")


def broken() -> Iterator[tuple[str, str]]:
    yield "import no_such_module_anywhere", r"mine\.py:1: raised ModuleNotFoundError when it was run: No module named"
    yield "x = 1\n\nraise SystemExit(3)", r"mine\.py:3: raised SystemExit when it was run: 3"
    yield "def broken(:", r"mine\.py:1: raised SyntaxError"
    yield "def f():\n    1 / 0\nf()", r"mine\.py:2: raised ZeroDivisionError"
    yield "x\0y", "raised SyntaxError"
    yield SOFTER.replace("Softer", "Softest"), r"does not define 'Softer'; did you mean 'Softest'\?"
    yield "x = 1", "does not define 'Softer'; it defines nothing"
    yield "Softer = 1", r"objective 'mine\.py:Softer' is unavailable: .* is not a subclass of Objective: got 1"
    yield "import abc\nclass Softer(abc.ABC): pass", "is not a subclass of Objective"


@pytest.mark.parametrize(("source", "message"), list(broken()))
def test_what_is_wrong_with_a_file_is_told_with_its_line(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "mine.py").write_text(source)
    with pytest.raises(UserError, match=message):
        resolve(code_files.admit(f"{tmp_path}/mine.py:Softer"))


def test_a_file_that_is_not_there_is_answered_with_the_nearest(softer: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mien\.py: cannot be read: No such file.*did you mean 'mine\.py'\?"):
        code_files.admit(f"{tmp_path}/mien.py:Softer")
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(UserError, match="is not a regular file"):
        code_files.admit(f"{tmp_path}/folder.py:Softer")
    (tmp_path / "big.py").write_bytes(b"#" * (code_files.LARGEST_FILE + 1))
    with pytest.raises(UserError, match="more than 1 MiB"):
        code_files.admit(f"{tmp_path}/big.py:Softer")
    (tmp_path / "a b.py").write_text(SOFTER)
    with pytest.raises(UserError, match=r"the name of a file .* has letters, digits"):
        code_files.admit(f"{tmp_path}/a b.py:Softer")
