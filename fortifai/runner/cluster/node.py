"""What runs on a node: a task in a copy of the run folder, of which every committed generation is sent as soon as it is there.

Ray imports this on every node. It imports no torch before there is a task, so that asking a node for its versions is quick.
"""

import fcntl
import os
import queue
import shutil
import socket
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fortifai.records.layout import NULLS
from fortifai.runner.cluster.outbox import Outbox
from fortifai.runner.cluster.parcels import Changes, Piece
from fortifai.runner.machine import commit, versions
from fortifai.runner.messages import Event, GenerationFinished, Task, TaskFailed, read_task

if TYPE_CHECKING:
    from fortifai.planning.loading import Adapters

SCRATCH = "fortifai-node-"
"""How the folders begin that tasks run in, among temporary files."""


@dataclass(frozen=True)
class Report:
    """What a node says of itself: its name, and the versions of what numbers depend on."""

    node: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Work:
    """What a node is sent.

    Attributes:
        task: The task, as a line of JSON.
        files: What it needs of the run folder, by path.
        environment: Variables that the process is to have.
        folder: Where the user was, which data may be named from; a node that has no such folder stays where it is.
        gpu_share: How much of a GPU's memory it may use, at most 1; None: it has no share of one.
    """

    task: str
    files: Mapping[str, bytes]
    environment: Mapping[str, str]
    folder: str
    gpu_share: float | None


Sent = Report | Piece | Changes | str
"""What comes back: who does it, files, and events as lines of JSON."""


def report() -> Report:
    """Return what this node has."""
    source = commit()
    return Report(socket.gethostname(), versions() | ({"fortifai's commit": source} if source else {}))


def perform_on_node(work: Work) -> Iterator[Sent]:
    """Do a task, and yield what it comes to: with every generation the files that were committed, and then the event."""
    yield report()
    os.environ.update(work.environment)
    if Path(work.folder).is_dir():
        os.chdir(work.folder)
    parcels: queue.Queue[Sent | None] = queue.Queue(maxsize=2)  # a worker is not far ahead of what has arrived
    with _scratch() as run:
        (run / NULLS).mkdir()
        for name, content in work.files.items():
            (run / name).parent.mkdir(parents=True, exist_ok=True)
            (run / name).write_bytes(content)
        task = read_task(work.task).model_copy(update={"folder": str(run)})
        threading.Thread(target=_work, args=(task, work.gpu_share, Outbox(run), parcels), daemon=True).start()
        while (parcel := parcels.get()) is not None:
            yield parcel


def _work(task: Task, gpu_share: float | None, outbox: Outbox, parcels: "queue.Queue[Sent | None]") -> None:
    def emit(event: Event) -> None:
        if isinstance(event, GenerationFinished):
            send(event)
        else:
            parcels.put(event.model_dump_json())

    def send(event: Event) -> None:
        for parcel in outbox.pack():
            parcels.put(parcel)
        parcels.put(event.model_dump_json())

    try:
        import torch

        from fortifai.runner.worker import perform

        torch.set_num_threads(1)  # as in every worker: the last bits depend on it
        if gpu_share is not None:
            limit_gpu_memory(gpu_share)
        send(perform(task, _adapters(), emit))
    except Exception as error:  # whatever it was, the run must hear of it
        failed = TaskFailed(reason=f"{type(error).__name__}: {error}", trace=traceback.format_exc())
        parcels.put(failed.model_dump_json())
    finally:
        parcels.put(None)


def limit_gpu_memory(share: float) -> None:
    """Let this process have no more than a share of its GPU's memory, where torch finds a GPU; ``share``: at most 1."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(share)


@cache
def _adapters() -> "Adapters":
    """Return the adapters of this process, which Ray gives the next task, too: data is loaded once."""
    from fortifai.planning.loading import Adapters

    return Adapters()


@contextmanager
def _scratch() -> Iterator[Path]:
    """Yield a folder of this task's own, which goes with it; what killed tasks left of theirs goes first.

    A folder is held as long as its process lives, so that none is taken for left over that is not.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"):
        if left.is_dir() and left.stat().st_uid == os.getuid() and (descriptor := _held(left)) is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(descriptor)
    folder = Path(tempfile.mkdtemp(prefix=SCRATCH))
    descriptor = _held(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def _held(folder: Path) -> int | None:
    """Return a descriptor that holds a folder, or None where another process does, or it is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
