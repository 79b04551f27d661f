"""What is worth keeping between runs: a folder of files that are there whole or not at all, whoever writes at the same time.

A file's name holds a hash of all that its content is made from, so that none is ever out of date; one that is gone is made again.
"""

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fortifai.sanitise import user_path

VARIABLE = "FORTIFAI_CACHE"

DAY = 86_400
"""Seconds."""


def cache_folder() -> Path:
    """Return the cache folder: $FORTIFAI_CACHE, or else ``fortifai`` in $XDG_CACHE_HOME or ~/.cache."""
    if chosen := os.environ.get(VARIABLE):
        return user_path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fortifai"


def cached_file(kind: str, name: str) -> Path:
    """Return where a file is kept, whether it is there or not, and note that it was asked for.

    Args:
        kind: What it is, such as ``classifiers``: the name of a folder of the cache.
        name: Its name, with a hash of all that its content is made from, and the kind of what is written.
    """
    path = cache_folder() / kind / name
    with suppress(OSError):
        os.utime(path)  # when a file was read last, few file systems tell
    return path


def write_cached(path: Path, content: bytes) -> None:
    """Write a file under a temporary name of its own and rename it. A cache that cannot be written to keeps nothing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            try:
                file.write(content)
                file.flush()
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError:  # read-only, or full: the file is only made again next time
        return


@dataclass(frozen=True)
class Kept:
    """What the cache keeps of one kind.

    Attributes:
        kind: The folder's name.
        files: How many.
        size: Their bytes.
    """

    kind: str
    files: int
    size: int


def kept() -> list[Kept]:
    """Return what the cache keeps, by kind. Files beside the folders of kinds are the user's own, such as weights put there."""
    return [
        Kept(folder.name, len(sizes), sum(sizes)) for folder in _kinds() if (sizes := [size for _, size, _ in _files(folder)])
    ]


def prune(days: float) -> list[Kept]:
    """Remove what has not been asked for in so many days, and return what was removed, by kind.

    A process that is about to read a removed file makes it again.

    Args:
        days: At least 0, which removes everything; files of the user's own stay.
    """
    before = time.time() - days * DAY
    removed = []
    for folder in _kinds():
        sizes = []
        for path, size, used in _files(folder):
            if used <= before:
                with suppress(OSError):
                    path.unlink()
                    sizes.append(size)
        if sizes:
            removed.append(Kept(folder.name, len(sizes), sum(sizes)))
        for empty in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
            with suppress(OSError):  # it is not empty
                empty.rmdir()
        with suppress(OSError):
            folder.rmdir()
    return removed


def _kinds() -> list[Path]:
    with suppress(OSError):
        return sorted(path for path in cache_folder().iterdir() if path.is_dir() and not path.is_symlink())
    return []


def _files(folder: Path) -> Iterator[tuple[Path, int, float]]:
    """Yield the path, the bytes and the time of the last use of every file of a kind; links are neither followed nor seen."""
    for path in folder.rglob("*"):
        with suppress(OSError):
            state = path.lstat()
            if stat.S_ISREG(state.st_mode):
                yield path, state.st_size, state.st_mtime
