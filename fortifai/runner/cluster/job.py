"""A job: does the task of one file, in a run folder that this machine sees, and writes its events beside the file.

``python -m fortifai.runner.cluster.job FOLDER TASK-FILE``. Begun again, it goes on from what is committed.
The run takes a task back by removing its file: a job that finds it gone ends at once, without a word.
"""

import fcntl
import os
import signal
import sys
from pathlib import Path

from fortifai.runner.cluster.jobs import events_of
from fortifai.runner.local import ONE_THREAD
from fortifai.runner.messages import Event, Task, read_task


def main(folder: str, file: str) -> None:
    """Do a task.

    Args:
        folder: The run folder.
        file: The task, as a line of JSON.
    """
    for name in ("SIGUSR1", "SIGUSR2"):  # before it is preempted; what runs this begins it again
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    os.environ.update(ONE_THREAD)  # before torch is loaded
    path = Path(file)
    try:
        held = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as long as this process is at it: see `jobs.end`
        task = read_task(path.read_bytes()).model_copy(update={"folder": str(Path(folder).resolve())})
        if not _is_taken_back(path, held):
            _perform(task, path, held)
    except BlockingIOError:
        sys.exit(f"{path} is held by another process, which is at the same task")
    finally:
        os.close(held)


def _perform(task: Task, path: Path, held: int) -> None:
    import torch

    from fortifai.planning.loading import Adapters
    from fortifai.runner.worker import perform

    def emit(event: Event) -> None:
        if _is_taken_back(path, held):
            os._exit(0)
        with events_of(path).open("a") as events:  # opened anew each time: only then do other machines see what was written
            events.write(event.model_dump_json() + "\n")

    torch.set_num_threads(1)
    emit(perform(task, Adapters(), emit))


def _is_taken_back(path: Path, held: int) -> bool:
    """Return whether the file that was begun with is no longer there, or is another one."""
    try:
        return not os.path.samestat(path.stat(), os.fstat(held))
    except OSError:
        return True


if __name__ == "__main__":
    main(*sys.argv[1:3])
