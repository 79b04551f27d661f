"""What is carried between a run folder and a node that does not see it: files in pieces, and then what becomes of them."""

from dataclasses import dataclass
from pathlib import Path

from fortifai.files import is_regular
from fortifai.records.layout import CODE, GENERATION_0, NULLS, SUITE_FILE, is_generation_name
from fortifai.runner.messages import MeasureNull, Task

PIECE = 64 * 2**20
"""Bytes of a file that are carried at a time, so that neither side holds a large model in memory."""


@dataclass(frozen=True)
class Piece:
    """A part of a file that a node has written, behind the parts before it; ``path``: in the run folder."""

    path: str
    content: bytes


@dataclass(frozen=True)
class Changes:
    """What a node has done to its copy of the run folder since it told of it the last time; paths are those in the run folder.

    Attributes:
        written: Files that are new or other than they were, whose pieces came before.
        appended: Files that have grown by the pieces that came before.
        linked: Second names of files, each with the first one, which was there before or is written now.
        folders: Folders that are new, so that one without a file is not missed.
        replaced: Of all these, those whose names something else had before.
        set_aside: Files and folders that were found to be damaged.
        removed: Files and folders that are gone.
    """

    written: tuple[str, ...] = ()
    appended: tuple[str, ...] = ()
    linked: tuple[tuple[str, str], ...] = ()
    folders: tuple[str, ...] = ()
    replaced: frozenset[str] = frozenset()
    set_aside: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def files_for(run: Path, task: Task) -> dict[str, bytes]:
    """Return what a node needs of a run folder to do a task, by path: of a chain, all that is committed of it.

    Args:
        run: The run folder.
        task: The task.

    Raises:
        OSError: Something cannot be read.
    """
    regime = task.regime if isinstance(task, MeasureNull) else task.chain.regime
    wanted = [run / SUITE_FILE, run / NULLS / f"{regime}.json", *(run / CODE / name for name in task.code)]
    if not isinstance(task, MeasureNull):
        wanted += _inside(run / task.chain.identity()[0])
        if task.begins_with is not None:
            wanted += _inside(run / GENERATION_0 / task.begins_with)
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in wanted if is_regular(path)}


def _inside(folder: Path) -> list[Path]:
    if folder.is_symlink():
        return []
    return [path for path in folder.rglob("*") if not any(map(is_left_out, path.relative_to(folder).parts))]


def is_left_out(name: str) -> bool:
    """Return whether a file or folder of this name is not carried: it is half written, or was set aside."""
    return name.endswith(".tmp") or ".damaged-" in name


def unit_of(path: str) -> str:
    """Return what a path belongs to that is there whole or not at all: a generation's folder, or else the file itself.

    Args:
        path: In the run folder, such as ``1f0c/generation-03/model/mixture.safetensors``.
    """
    parts = path.split("/")
    is_inside = len(parts) > 1 and (parts[0] == GENERATION_0 or is_generation_name(parts[1]))
    return "/".join(parts[:2]) if is_inside else path
