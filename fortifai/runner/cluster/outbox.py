"""The side of a node: what a task has done to its copy of the run folder, found by looking, so that a worker need not tell."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fortifai.records.layout import CODE, RECORDS_FILE, SUITE_FILE
from fortifai.runner.cluster.parcels import PIECE, Changes, Piece, is_left_out

_SET_ASIDE = re.compile(r"(.+)\.damaged-\d+")


class _Stamp(NamedTuple):
    """What tells one state of a file from another: all files but those of records are replaced, never written to again."""

    inode: int
    size: int
    changed: int


class Outbox:
    """What is to be sent of a folder.

    Args:
        root: The copy of the run folder, as it was sent here.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known, self._aside = self._look()

    def pack(self) -> Iterator[Piece | Changes]:
        """Yield what was changed since the last time: the pieces of files, and behind them what becomes of each."""
        before, aside_before = self._known, self._aside
        now, aside = self._look()
        first = {stamp: path for path, stamp in before.items() if stamp is not None and path in now}
        written, appended, linked, folders = [], [], [], []
        for path, stamp in now.items():
            known = before.get(path)
            if path in before and known == stamp:
                continue
            if stamp is None:
                folders.append(path)
            elif (
                known is not None and path.endswith(f"/{RECORDS_FILE}") and known.inode == stamp.inode and known.size < stamp.size
            ):
                yield from self._pieces(path, known.size)
                appended.append(path)
            elif (original := first.setdefault(stamp, path)) != path:
                linked.append((path, original))
            else:
                yield from self._pieces(path)
                written.append(path)
        self._known, self._aside = now, aside
        arrived = {*written, *folders, *(name for name, _ in linked)}
        changes = Changes(
            written=tuple(written),
            appended=tuple(appended),
            linked=tuple(linked),
            folders=tuple(folders),
            replaced=frozenset(arrived & before.keys()),
            set_aside=tuple(sorted({_name_before(path) for path in aside - aside_before})),
            removed=tuple(path for path in before if path not in now),
        )
        if changes != Changes():
            yield changes

    def _pieces(self, path: str, start: int = 0) -> Iterator[Piece]:
        with (self._root / path).open("rb") as file:
            file.seek(start)
            yield Piece(path, file.read(PIECE))
            while content := file.read(PIECE):
                yield Piece(path, content)

    def _look(self) -> tuple[dict[str, _Stamp | None], set[str]]:
        """Return every file and folder, with None for a folder, and what was set aside."""
        found: dict[str, _Stamp | None] = {}
        aside: set[str] = set()
        for path in sorted(self._root.rglob("*")):
            parts = path.relative_to(self._root).parts
            if parts[0] in (SUITE_FILE, CODE):  # sent here, and only read
                continue
            name = "/".join(parts)
            if any(map(is_left_out, parts)):
                if _SET_ASIDE.fullmatch(parts[-1]) and not any(map(is_left_out, parts[:-1])):
                    aside.add(name)
                continue
            status = path.lstat()
            found[name] = None if path.is_dir() else _Stamp(status.st_ino, status.st_size, status.st_mtime_ns)
        return found, aside


def _name_before(path: str) -> str:
    return path.rpartition(".damaged-")[0]
