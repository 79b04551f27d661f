"""One run a folder: a second process is told who holds it."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fortifai.errors import UserError
from fortifai.files import is_regular

LOCK_FILE = "lock"
"""Held by the process that runs a suite in the folder, and by its workers."""

PATIENCE = 2.0
"""Seconds that a folder in use is waited for."""


@contextmanager
def hold(folder: Path) -> Iterator[int]:
    """Hold a run folder, and yield the descriptor that holds it.

    The kernel lets go when the last process that has the descriptor ends, however it ends. Workers inherit it, so that the
    folder stays held until the last worker of a killed run is gone, which takes them a moment: it is waited for.

    Raises:
        UserError: Somebody else holds it; the text names the process.
    """
    path = folder / LOCK_FILE
    if path.exists() and not is_regular(path):
        raise UserError(f"{path}: is not a regular file; remove it")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        if not _taken(descriptor):
            raise UserError(f"{folder} is in use by {holder(folder) or 'another process'}; wait for it, or stop it")
        os.ftruncate(descriptor, 0)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        who = {"pid": os.getpid(), "host": socket.gethostname(), "started": started}
        os.write(descriptor, json.dumps(who).encode())
        yield descriptor
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    patience = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > patience:
                return False
            time.sleep(0.05)


def holder(folder: Path) -> str | None:
    """Return which process holds a run folder, or None where none does.

    Where the run that took the lock is gone, those of its workers that still hold it are named by their own ids.
    """
    path = folder / LOCK_FILE
    if not is_regular(path):
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        who = _written(descriptor)
        holding = _holding(path)
        if who is not None and (not holding or who["pid"] in holding):
            return f"process {who['pid']} on {who['host']}, since {who['started']}"
        if holding:
            names = ", ".join(map(str, holding))
            return f"process {names}, left over from a run that is gone" if len(holding) == 1 else f"processes {names}"
        return "another process"
    finally:
        os.close(descriptor)


def _written(descriptor: int) -> dict[str, Any] | None:
    """Return what the run that took the lock wrote into it, or None for anything else."""
    try:
        who = json.loads(os.read(descriptor, 4096))
    except (ValueError, RecursionError):
        return None
    return who if isinstance(who, dict) and {"pid", "host", "started"} <= who.keys() else None


def _holding(path: Path) -> list[int]:
    """Return the processes of this machine that have a file open, this one left out; none where the system does not tell."""
    inode = path.stat()
    holding = []
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        try:
            opened = [descriptor.stat() for descriptor in (process / "fd").iterdir()]
        except OSError:  # of somebody else, or gone
            continue
        if any((one.st_dev, one.st_ino) == (inode.st_dev, inode.st_ino) for one in opened):
            holding.append(int(process.name))
    return sorted(holding)
