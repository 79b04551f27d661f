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

from fortifai.errors import UserError

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
    path = folder / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
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
    """Return which process holds a run folder, or None where none does."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        try:
            who = json.loads(os.read(descriptor, 4096))
            return f"process {who['pid']} on {who['host']}, since {who['started']}"
        except (ValueError, KeyError):
            return "another process"
    finally:
        os.close(descriptor)
