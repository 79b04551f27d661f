"""Python files of the user's own, whose classes a name can refer to: ``./mine.py:Softer:gamma=2``.

A file is run only where the user names its path: on the command line, in a call, or in a suite file where the user allows code.
From then on it goes by its name without the folder, ``mine.py:Softer:gamma=2``, which is how tables and records have it. A name
that was read from a record or from somebody else's entry never makes a file run.
"""

import hashlib
import re
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from fortifai.errors import UserError, did_you_mean
from fortifai.sanitise import NAME_RULE, is_name, one_line

LARGEST_FILE = 2**20
"""Bytes of such a file."""

_REFERENCE = re.compile(r"(?P<file>[^:]*\.py):(?P<rest>.*)", re.DOTALL)


@dataclass(frozen=True)
class CodeFile:
    """A file that was run.

    Attributes:
        path: Where it was.
        source: Its content.
        sha256: The hash of its content, which identifies chains that use it.
        module: What it defines.
    """

    path: Path
    source: bytes
    sha256: str
    module: ModuleType


_files: dict[str, CodeFile] = {}
"""The files that this process has run, by their names without the folder."""


def split_name(text: str) -> tuple[str, str]:
    """Return the name and the parameters of ``name:key=value``, where a name may be that of a class in a file.

    Args:
        text: Such as ``tce:gamma=0.9`` or ``mine.py:Softer:gamma=2``.

    Returns:
        Such as ``("tce", "gamma=0.9")`` or ``("mine.py:Softer", "gamma=2")``; the parameters may be empty.
    """
    reference = _REFERENCE.fullmatch(text.strip())
    if reference is None:
        name, _, parameters = text.strip().partition(":")
        return name.strip(), parameters
    attribute, _, parameters = reference["rest"].partition(":")
    return f"{reference['file']}:{attribute.strip()}", parameters


def file_of(text: str) -> str | None:
    """Return the file that a name refers to, as it is written there, or None where it is not of a file."""
    reference = _REFERENCE.fullmatch(text.strip())
    return reference["file"] if reference else None


def admit(text: str, folder: Path = Path()) -> str:
    """Run the file that a name of the user's refers to, and return the name without the folder; any other name as it is.

    Args:
        text: Such as ``./mine.py:Softer:gamma=2``.
        folder: What a relative path starts from.

    Raises:
        UserError: The file is missing, unreadable or not called as a file should be, it raises an error, or another file of the
            same name was run before.
    """
    file = file_of(text)
    if file is None:
        return text
    if file not in _files or (folder / file).exists():
        run_file(folder / Path(file).expanduser())
    return Path(file).name + text.strip()[len(file) :]


def run_file(path: Path) -> CodeFile:
    """Run a file, unless this process has done so.

    Args:
        path: Of the file.

    Raises:
        UserError: As of `admit`.
    """
    name = path.name
    if not is_name(name.removesuffix(".py")):
        raise UserError(f"{path}: the name of a file of objectives, strategies or metrics has {NAME_RULE}, and ends with .py")
    source = _read(path)
    digest = hashlib.sha256(source).hexdigest()
    if name in _files:
        known = _files[name]
        if known.sha256 != digest:
            raise UserError(
                f"{path}: another {name} is in use, {known.path} (SHA-256 {known.sha256[:16]}, this one's {digest[:16]}): "
                "they cannot be told apart in a table, so call one of them otherwise"
            )
        return known
    _files[name] = CodeFile(path, source, digest, _run(path, source, f"fortifai_code_{digest[:16]}"))
    return _files[name]


def load(name: str) -> object:
    """Return what a name such as ``mine.py:Softer`` refers to.

    Raises:
        UserError: The file has not been run, or does not define that.
    """
    file, _, attribute = name.rpartition(":")
    if file not in _files:
        raise UserError(
            f"{one_line(name)}: {one_line(file)} is a file of somebody's own; name its path, such as ./{one_line(name)}"
        )
    module = _files[file].module
    if not attribute or not hasattr(module, attribute):
        own = [key for key, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
        hint = did_you_mean(attribute, own) or f"it defines {', '.join(sorted(own)) or 'nothing'}"
        raise UserError(f"{_files[file].path}: does not define {one_line(attribute)!r}; {hint}")
    return getattr(module, attribute)


def used_by(names: Iterable[str]) -> dict[str, CodeFile]:
    """Return the files that names refer to, by name, out of those that this process has run."""
    files = {file for name in names if (file := file_of(name)) is not None}
    return {name: _files[name] for name in sorted(files & _files.keys())}


def _read(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise UserError(f"{path}: is not a regular file")
        with path.open("rb") as file:
            source = file.read(LARGEST_FILE + 1)
    except OSError as error:
        near = did_you_mean(path.name, [each.name for each in _python_files(path.parent)])
        raise UserError(f"{path}: cannot be read: {error.strerror}{f'; {near}' if near else ''}") from None
    if len(source) > LARGEST_FILE:
        raise UserError(f"{path}: has more than {LARGEST_FILE // 2**20} MiB")
    return source


def _python_files(folder: Path) -> list[Path]:
    return list(folder.glob("*.py")) if folder.is_dir() else []


def _run(path: Path, source: bytes, name: str) -> ModuleType:
    """Run exactly the bytes that were hashed, as a module that pydantic and dataclasses can find."""
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except KeyboardInterrupt:
        del sys.modules[name]
        raise
    except BaseException as error:  # SystemExit too: the user's file must not end the command without a word
        del sys.modules[name]
        raise UserError(f"{path}{_line_of(error, path)}: raised {type(error).__name__} when it was run: {error}") from error
    return module


def _line_of(error: BaseException, path: Path) -> str:
    """Return ``:line``, where in a file an error arose, or nothing."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f":{error.lineno}"
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return "" if line is None else f":{line}"
