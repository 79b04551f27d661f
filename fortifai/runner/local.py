"""The local executor: tasks over worker processes on this machine."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import IO

from fortifai.runner.executor import Executor, ExecutorOptions, Resources
from fortifai.runner.messages import Event, Task, TaskDone, TaskFailed, read_event
from fortifai.runner.schedule import Schedule

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
"""The libraries below torch and NumPy read these once, when they are loaded."""

Events = queue.SimpleQueue[tuple[int, Event]]


class LocalExecutor(Executor):
    """Runs tasks in processes that inherit the descriptor which holds the run folder.

    A worker that dies (killed, out of memory) fails the one task that it was at; another takes its place.
    """

    def __init__(self, resources: Resources, options: ExecutorOptions = ExecutorOptions()) -> None:  # noqa: B008 (it is immutable)
        super().__init__(resources, options)
        self._workers = [_Worker(resources) for _ in range(self.at_once)]

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Event]]:
        """Run all tasks, and yield events as they come, each with the place of its task."""
        schedule = Schedule(tasks)
        events: Events = queue.SimpleQueue()
        for worker in self._workers[: len(tasks)]:
            threading.Thread(target=_serve, args=(worker, tasks, schedule, events), daemon=True).start()
        left = len(tasks)
        while left:
            place, event = events.get()
            left -= _is_last(event)
            yield place, event

    def stop(self) -> None:
        """Kill all workers, and start no others for what still waits."""
        for worker in self._workers:
            worker.stop()


def _is_last(event: Event) -> bool:
    return isinstance(event, TaskDone | TaskFailed)


def _serve(worker: "_Worker", tasks: Sequence[Task], schedule: Schedule, events: Events) -> None:
    """Feed one worker until nothing waits, and pass its events on."""
    while (place := schedule.next()) is not None:
        try:
            for event in worker.work(tasks[place]):
                schedule.note(place, event)
                events.put((place, event))
        except Exception as error:  # whatever it was, the run must hear of it: it waits for this task
            failed = TaskFailed(reason=f"{type(error).__name__}: {error}")
            schedule.note(place, failed)
            events.put((place, failed))


class _Worker:
    """One worker process, started for its first task and again after it died."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._process: subprocess.Popen[str] | None = None
        self._starting = threading.Lock()
        self._stopped = False

    def work(self, task: Task) -> Iterator[Event]:
        """Run one task, and yield the worker's events until it is done, has failed or is dead."""
        with self._starting:
            if self._stopped:
                yield TaskFailed(reason="the run was stopped")
                return
            process = self._process = self._process or self._start()
        tasks, events = _pipes(process)
        try:
            tasks.write(task.model_dump_json() + "\n")
            tasks.flush()
        except BrokenPipeError:
            pass  # it died before it could listen: its output ends at once, which says so below
        for line in events:
            event = read_event(line)
            yield event
            if _is_last(event):
                return
        self._process = None
        yield TaskFailed(reason=_death(process.wait()))

    def stop(self) -> None:
        """End the process, whatever it is doing, and let no other take its place."""
        with self._starting:
            self._stopped = True
            process = self._process
        if process is not None:
            process.kill()
            process.wait()

    def _start(self) -> "subprocess.Popen[str]":
        with self._resources.log.open("ab") as log:
            return subprocess.Popen(
                # -P: a folder named fortifai where the user happens to be is not the package.
                [sys.executable, "-P", "-c", "from fortifai.runner.worker import main; main()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **ONE_THREAD},
                pass_fds=(self._resources.lock,),
            )


def _pipes(process: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a worker was started without pipes")
    return process.stdin, process.stdout


def _death(code: int) -> str:
    if code >= 0:
        return f"its worker process ended with code {code} (see workers.log)"
    hint = "; out of memory?" if -code == signal.SIGKILL else " (see workers.log)"
    return f"its worker process was ended by signal {signal.Signals(-code).name}{hint}"
