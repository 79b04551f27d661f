"""The executor in this process: for a debugger, and for runs so short that starting workers would take longest.

What runs tasks, and torch with it, is imported when there are some, so that listing executors stays instant.
"""

from collections.abc import Iterator, Sequence

from fortifai.device import one_thread
from fortifai.planning.loading import Adapters
from fortifai.runner.executor import Executor, ExecutorOptions, Resources
from fortifai.runner.messages import Event, Task


class InProcessExecutor(Executor):
    """Runs one task after the other in this process, so that a debugger can stop in an adapter; progress shows whole chains.

    The number of workers that was asked for says nothing here. What kills this process ends the run.
    """

    def __init__(self, resources: Resources, options: ExecutorOptions = ExecutorOptions()) -> None:  # noqa: B008 (it is immutable)
        super().__init__(resources, options)
        self._adapters = Adapters()

    @property
    def at_once(self) -> int:
        """One task."""
        return 1

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Event]]:
        """Run all tasks, and yield events as they come, each with the place of its task."""
        for place, task in enumerate(tasks):
            events: list[Event] = []
            events.append(_as_a_worker(task, self._adapters, events))
            yield from ((place, event) for event in events)

    def stop(self) -> None:
        """Do nothing: between two tasks nothing runs."""


def _as_a_worker(task: Task, adapters: Adapters, events: list[Event]) -> Event:
    """Perform a task to the numbers of a worker."""
    from fortifai.runner.worker import perform

    with one_thread():
        return perform(task, adapters, events.append)
