"""The kinds of faults of the campaign: what happens to files afterwards, and what happens to a process while it writes them."""

import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

Fault = Callable[[Path, np.random.Generator], Path]
"""Changes one file of a finished run, chosen by the generator, and returns which."""


def any_file(run: Path, rng: np.random.Generator, pattern: str = "**/*") -> Path:
    """Return one of the files that something depends on: not the lock, and not the log."""
    files = sorted(file for file in run.glob(pattern) if file.is_file() and file.name not in ("lock", "workers.log"))
    return files[rng.integers(len(files))]


def a_flipped_bit(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng)
    content = bytearray(file.read_bytes())
    content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    file.write_bytes(content)
    return file


def a_cut_file(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng)
    content = file.read_bytes()
    file.write_bytes(content[: rng.integers(len(content))])
    return file


def a_lost_file(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng)
    file.unlink()
    return file


def a_lost_chain(run: Path, rng: np.random.Generator) -> Path:
    folder = any_file(run, rng, "*/chain.json").parent
    shutil.rmtree(folder)
    return folder


def a_page_of_zeros(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng)
    content = bytearray(file.read_bytes())
    start = int(rng.integers(len(content)))
    zeros = bytes(len(content[start : start + 512]))
    content[start : start + 512] = zeros if zeros != content[start : start + 512] else b"\x01" * len(zeros)
    file.write_bytes(content)
    return file


def a_changed_digit(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng, ["*/generations.jsonl", "*/chain.json", "nulls/*.json", "*.json"][rng.integers(4)])
    content = bytearray(file.read_bytes())
    digits = [place for place, byte in enumerate(content) if chr(byte).isdigit()]
    place = digits[rng.integers(len(digits))]
    content[place] = ord("0") + (content[place] - ord("0") + int(rng.integers(1, 10))) % 10
    file.write_bytes(content)
    return file


def a_line_twice(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng, "*/generations.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    place = rng.integers(len(lines))
    file.write_bytes(b"".join([*lines[: place + 1], *lines[place:]]))
    return file


def a_line_less(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng, "*/generations.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    del lines[rng.integers(len(lines) - 1)]  # not the last: a chain that is a generation short is not damaged
    file.write_bytes(b"".join(lines))
    return file


def a_torn_line(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng, "*/generations.jsonl")
    content = file.read_bytes()
    last = content.splitlines(keepends=True)[-1]
    file.write_bytes(content.removesuffix(last) + last[: rng.integers(1, len(last))])
    return file


def two_swapped_files(run: Path, rng: np.random.Generator) -> Path:
    name = ["generations.jsonl", "chain.json", "generation-03/samples.safetensors", "generation-03/model/mixture.safetensors"]
    files = sorted(run.glob(f"*/{name[rng.integers(4)]}"))
    one, other = (files[place] for place in rng.choice(len(files), 2, replace=False))
    contents = one.read_bytes(), other.read_bytes()
    one.write_bytes(contents[1])
    other.write_bytes(contents[0])
    return one


def a_pipe(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng)
    file.unlink()
    os.mkfifo(file)
    return file


def a_link_outside(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng)
    outside = run.parent / f"outside-{file.name}"
    file.rename(outside)
    file.symlink_to(outside)
    return file


def not_a_number(run: Path, rng: np.random.Generator) -> Path:
    file = any_file(run, rng, "*/generation-03/**/*.safetensors")
    content = bytearray(file.read_bytes())
    content[-8:] = np.array([np.nan]).tobytes()
    file.write_bytes(content)
    return file


OF_FILES: dict[str, Fault] = {
    fault.__name__.replace("_", " "): fault
    for fault in (
        a_flipped_bit, a_cut_file, a_lost_file, a_lost_chain, a_page_of_zeros, a_changed_digit, a_line_twice, a_line_less,
        a_torn_line, two_swapped_files, a_pipe, a_link_outside, not_a_number,
    )
}  # fmt: skip
"""What happens to a file of a finished run."""


class Stopped(BaseException):
    """Ends a process as a kill does: nobody catches it, and nothing that is cleaned up on the way out reaches the disk."""


def stop() -> BaseException:
    return Stopped()


def no_space() -> BaseException:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


OF_PROCESSES = {"a stop at any moment": stop, "a full disk": no_space}
"""What happens to a process at some change of the disk, and at every one after it."""

CHANGES = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate")
"""What Python tells an audit hook of before it changes the disk."""


class Disk:
    """Counts what this process changes on the disk, and from some change on refuses it.

    Attributes:
        changes: How many there were, or would have been.
        totals: How many an undisturbed run makes, by how it starts; for whoever counted.
    """

    def __init__(self) -> None:
        self.changes = 0
        self.totals: dict[int, int] = {}
        self._watching = False
        self._refused_from = sys.maxsize
        self._raise = stop
        sys.addaudithook(self._heard)  # for as long as the process lives: Python takes none back

    @contextmanager
    def watched(self, refused_from: int = sys.maxsize, fault: Callable[[], BaseException] = stop) -> Iterator[None]:
        self.changes, self._refused_from, self._raise, self._watching = 0, refused_from, fault, True
        try:
            yield
        finally:
            self._watching = False

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._watching or event not in CHANGES:
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        self.changes += 1
        needs_space = event in ("open", "os.mkdir")
        if self.changes > self._refused_from and (needs_space or self._raise is stop):
            raise self._raise()
