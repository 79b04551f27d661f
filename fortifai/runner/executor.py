"""Where chains can run: the interface of executors, and their names."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from fortifai.registry import Registry
from fortifai.runner.messages import Event, Task


@dataclass(frozen=True)
class Resources:
    """What an executor is given.

    Attributes:
        workers: How many tasks may run at the same time, one thread each.
        lock: The descriptor that holds the run folder; a process that inherits it keeps the folder held until it has ended.
        log: The file that the output of workers goes to.
    """

    workers: int
    lock: int
    log: Path


class Executor(ABC):
    """Runs tasks somewhere, within a ``with`` block, at whose end nothing of it runs any more.

    `fortifai.runner.worker.perform` does one task, wherever that is.
    """

    def __init__(self, resources: Resources) -> None:
        self.resources = resources

    @property
    def at_once(self) -> int:
        """How many tasks run at the same time."""
        return self.resources.workers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @abstractmethod
    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Event]]:
        """Run all tasks, and yield events as they come, each with the place of its task.

        The last event of every task is `TaskDone` or `TaskFailed`, whatever became of the process that was at it.
        """

    @abstractmethod
    def stop(self) -> None:
        """End what still runs, whatever it is doing, and begin nothing else: what it has committed stays. May be called twice."""


executors: Registry[type[Executor]] = Registry("executor", group="fortifai.executors", subclass_of=Executor)
"""Every executor, by the name that ``--executor`` takes; others plug in by an entry point."""

executors.register("local", "fortifai.runner.local:LocalExecutor")
executors.register("in-process", "fortifai.runner.in_process:InProcessExecutor")
