"""The side of the run folder: what a node sends is held against hashes, and takes its place in the order of a local commit."""

import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from fortifai.errors import Damaged
from fortifai.files import append_line, link_or_copy, put, remove, set_aside, sha256_of
from fortifai.records.hashing import unseal
from fortifai.records.layout import (
    CHAIN_FILE,
    GENERATION_0,
    MODEL,
    NULLS,
    RECORDS_FILE,
    SAMPLES_FILE,
    generation_name,
    is_generation_name,
)
from fortifai.runner.cluster.parcels import Changes, Piece, unit_of


class Inbox:
    """What is on its way from one task on a node. Nothing of it is in the run folder before `commit`.

    Args:
        run: The run folder.
    """

    def __init__(self, run: Path) -> None:
        self._run = run
        self._staging = Path(tempfile.mkdtemp(dir=run, prefix=".arriving-", suffix=".tmp"))

    def receive(self, piece: Piece) -> None:
        """Put a piece behind those of the same file that came before."""
        with self._staged(piece.path).open("ab") as file:
            file.write(piece.content)

    def commit(self, changes: Changes) -> None:
        """Do to the run folder what a node did to its copy: data first, then the record of it, then what is let go.

        Raises:
            Damaged: Something is not what its record has the hash of. The run folder is as it was.
        """
        for name in changes.folders:
            self._staged(name).mkdir(parents=True, exist_ok=True)
        for name, original in changes.linked:
            held = self._staging / original
            link_or_copy(held if held.exists() else self._run / original, self._staged(name))
        records = [name for name in (*changes.written, *changes.appended) if name.endswith(f"/{RECORDS_FILE}")]
        for name in records:
            self._check(name, appended=name in changes.appended)
        for name in changes.set_aside:
            if (path := self._run / _checked(name)).exists():
                set_aside(path)
        names = {*changes.written, *changes.folders, *(name for name, _ in changes.linked)}
        replaced = {unit_of(name) for name in changes.replaced}
        units = sorted({unit_of(name) for name in names - set(records)}, key=_order)
        self._place((unit for unit in units if _order(unit) < BEHIND_RECORDS), replaced)
        for name in records:
            self._record(name, appended=name in changes.appended)
        for name in changes.removed:
            remove(self._run / _checked(name))
        self._place((unit for unit in units if _order(unit) >= BEHIND_RECORDS), replaced)
        self._clear()

    def close(self) -> None:
        """Let go of what has not been committed."""
        shutil.rmtree(self._staging, ignore_errors=True)

    def _place(self, units: Iterable[str], replaced: set[str]) -> None:
        for unit in units:
            staged, path = self._staging / unit, self._run / unit
            if staged.is_dir() and not _is_whole(unit):
                path.mkdir(exist_ok=True)  # a chain's folder, or that of its pictures
            elif unit.startswith(f"{GENERATION_0}/") and path.exists() and unit not in replaced:
                continue  # another chain was faster: theirs stays
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                put(staged, path)

    def _record(self, name: str, *, appended: bool) -> None:
        if not appended:
            put(self._staging / name, self._run / name)
            return
        for line in (self._staging / name).read_text().splitlines():
            append_line(self._run / name, line)

    def _check(self, name: str, *, appended: bool) -> None:
        """Hold new records against the one before them, and the files that came with them against the records."""
        chain = name.partition("/")[0]
        before = (self._run / name).read_bytes().splitlines() if appended else []
        previous = str(json.loads(before[-1])["hash"]) if before else chain
        for line in (self._staging / name).read_bytes().splitlines():
            digest = unseal(line, previous)
            if digest is None:
                raise Damaged(f"a record of {name} has another hash than its content and the record before it")
            previous, record = digest, json.loads(line)
            folder = self._staging / chain / generation_name(record["generation"])
            for part, expected in ((SAMPLES_FILE, record.get("samples_sha256")), (MODEL, record.get("model_sha256"))):
                if (folder / part).exists() and sha256_of(folder / part) != expected:
                    raise Damaged(f"{chain}/{folder.name}/{part} is not what its record has the hash of")

    def _staged(self, name: str) -> Path:
        path = self._staging / _checked(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _clear(self) -> None:
        for left in self._staging.iterdir():
            remove(left)


BEHIND_RECORDS = 4
"""From which place on, in the order of `_order`, things come after the records."""


def _order(unit: str) -> int:
    """Return when a unit takes its place: what a chain is, the generation that is shared, the chain's own, then pictures."""
    parts = unit.split("/")
    if parts[0] == NULLS or (len(parts) > 1 and parts[1] == CHAIN_FILE):
        return 1
    if parts[0] == GENERATION_0:
        return 2
    if len(parts) > 1 and is_generation_name(parts[1]):
        return 3
    return BEHIND_RECORDS if len(parts) > 1 else 0


def _is_whole(unit: str) -> bool:
    """Return whether a folder takes its place at once, with all that is in it."""
    return 2 <= _order(unit) <= 3 and "/" in unit


def _checked(name: str) -> str:
    """Return a path that leads nowhere else than into the run folder. Raises Damaged for any other."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise Damaged(f"a node has sent a file of the name {name!r}")
    return name
