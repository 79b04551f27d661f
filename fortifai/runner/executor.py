"""Where chains can run: the interface of executors, their names, and what can be set of each."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from fortifai.code_files import split_name
from fortifai.config import Parametrised, with_parameters
from fortifai.registry import Registry
from fortifai.runner.messages import Event, Task


@dataclass(frozen=True)
class Resources:
    """What an executor is given.

    Attributes:
        workers: How many tasks may run at the same time, one thread each; None: one here, and elsewhere as many as there is room
            for.
        lock: The descriptor that holds the run folder; a process that inherits it keeps the folder held until it has ended.
        log: The file that the output of workers goes to.
    """

    workers: int | None
    lock: int
    log: Path


class ExecutorOptions(Parametrised):
    """What can be set of an executor, written ``name:key=value,key=value``; by default nothing.

    An executor's own subclass has a `Runtime` field for each option, with its type, its range and a description. On the command
    line each is an option too: ``gpus_per_chain`` is ``--gpus-per-chain``.
    """

    name: ClassVar[str] = ""


class Executor(ABC):
    """Runs tasks somewhere, within a ``with`` block, at whose end nothing of it runs any more.

    `fortifai.runner.worker.perform` does one task, wherever that is. The run folder is written to by the process that made the
    executor, or by processes that see the same folder; wherever it is read, its records and their hashes are what is believed.

    Args:
        resources: What it may use.
        options: What the user set, an object of the class in ``Options``.
    """

    Options: ClassVar[type[ExecutorOptions]] = ExecutorOptions
    """The class of its options. Importing it must be as quick as importing the executor, which `fortifai list` does."""

    elsewhere: ClassVar[bool] = False
    """Whether tasks run on other machines: what a chain needs is then looked for there, and not on this one."""

    def __init__(self, resources: Resources, options: ExecutorOptions = ExecutorOptions()) -> None:  # noqa: B008 (it is immutable)
        self.resources = resources
        self.options = options

    @classmethod
    def require(cls) -> None:
        """Raise UserError if it cannot be used from here, before anything is written. The default: it can."""
        return None

    @property
    def at_once(self) -> int:
        """How many tasks run at the same time."""
        return self.resources.workers or 1

    @property
    def where(self) -> str | None:
        """Where tasks run, in a line that a run begins with; None, the default: nothing needs to be said."""
        return None

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
executors.register("ray", "fortifai.runner.cluster.ray_executor:RayExecutor")
executors.register("slurm", "fortifai.runner.cluster.slurm_executor:SlurmExecutor")


@dataclass(frozen=True)
class Chosen:
    """An executor that the user named, with its options."""

    kind: type[Executor]
    options: ExecutorOptions

    def make(self, resources: Resources) -> Executor:
        """Return the executor, ready for a ``with`` block."""
        return self.kind(resources, self.options)


def choose(text: str, more: Mapping[str, object] | None = None) -> Chosen:
    """Return the executor that ``"name:key=value,key=value"`` names.

    Args:
        text: The name, with options or without.
        more: Options that were given apart, by name.

    Raises:
        UserError: The name or an option is unknown, an option is given twice, or its value is out of range; the text has what was
            expected.
    """
    name, rest = split_name(text)
    kind = executors.get(name)
    return Chosen(kind, with_parameters(kind.Options, rest, f"executor {text!r}", more))
