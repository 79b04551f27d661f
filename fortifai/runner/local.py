"""The local executor: tasks over worker processes on this machine."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
"""The libraries below torch and NumPy read these once, when they are loaded."""


@dataclass(frozen=True)
class Event:
    """Something that happened to a task: ``kind`` is "generation", "done" or "failed"; ``detail`` is what the worker said."""

    task: int
    kind: str
    detail: dict[str, Any] = field(default_factory=dict)


class LocalExecutor:
    """Runs tasks in ``workers`` processes, which inherit the descriptor that holds the run folder and end with the block.

    A worker that dies (killed, out of memory) fails the one task that it was at; another takes its place.
    """

    def __init__(self, workers: int, lock: int, log: Path) -> None:
        self._workers = [_Worker(lock, log) for _ in range(workers)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._workers:
            worker.stop()

    def run(self, tasks: Sequence[dict[str, Any]]) -> Iterator[Event]:
        """Run all tasks and give events as they come."""
        waiting: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        workers = self._workers[: len(tasks)]
        for number in (*range(len(tasks)), *(None for _ in workers)):
            waiting.put(number)
        for worker in workers:
            threading.Thread(target=_serve, args=(worker, tasks, waiting, events), daemon=True).start()
        left = len(tasks)
        while left:
            event = events.get()
            left -= event.kind != "generation"
            yield event


def _serve(
    worker: "_Worker",
    tasks: Sequence[dict[str, Any]],
    waiting: "queue.SimpleQueue[int | None]",
    events: "queue.SimpleQueue[Event]",
) -> None:
    """Feed one worker until nothing waits, passing on what it says."""
    while (number := waiting.get()) is not None:
        try:
            for said in worker.work(tasks[number]):
                events.put(Event(number, said["event"], said))
        except Exception as error:  # whatever it was, the run must hear of it: it waits for this task
            events.put(Event(number, "failed", _failure(f"{type(error).__name__}: {error}")))


class _Worker:
    """One worker process, started for its first task and again after it died."""

    def __init__(self, lock: int, log: Path) -> None:
        self._lock = lock
        self._log = log
        self._process: subprocess.Popen[str] | None = None

    def work(self, task: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Run one task, and give what the worker says until it is done, has failed or is dead."""
        process = self._process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # it died before it could listen: its output ends at once, which says so below
        for line in process.stdout:
            said: dict[str, Any] = json.loads(line)
            yield said
            if said["event"] != "generation":
                return
        self._process = None
        yield {"event": "failed", **_failure(_death(process.wait()))}

    def stop(self) -> None:
        """End the process, whatever it is doing: what it has committed stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _start(self) -> "subprocess.Popen[str]":
        with self._log.open("ab") as log:
            return subprocess.Popen(
                # -P: a folder named fortifai where the user happens to be is not the package.
                [sys.executable, "-P", "-c", "from fortifai.runner.worker import main; main()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **ONE_THREAD},
                pass_fds=(self._lock,),
            )


def _failure(reason: str) -> dict[str, Any]:
    return {"reason": reason, "trace": "", "disk_full": False}


def _death(code: int) -> str:
    if code >= 0:
        return f"its worker process ended with code {code} (see workers.log)"
    hint = "; out of memory?" if -code == signal.SIGKILL else " (see workers.log)"
    return f"its worker process was ended by signal {signal.Signals(-code).name}{hint}"
