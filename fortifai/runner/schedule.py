"""Which task a worker gets next: in order, but never two that would fit the same generation 0."""

from collections.abc import Sequence
from threading import Condition

from fortifai.runner.messages import Event, GenerationFinished, RunChain, Task, TaskDone, TaskFailed


class Schedule:
    """Tasks that wait, handed out to threads.

    Of tasks that would begin with the same thing (`RunChain.begins_with`) one alone is handed out until it has finished a
    generation: from then on it is there for the others to take over. A task that ends before it has come so far, as after a
    crash, makes way for the next one.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._begins = [task.begins_with if isinstance(task, RunChain) else None for task in tasks]
        self._waiting = list(range(len(tasks)))
        self._making: dict[str, int] = {}
        """What is being made, and the place of the task that makes it."""
        self._made: set[str] = set()
        self._changed = Condition()

    def next(self) -> int | None:
        """Return the place of the next task, once there is one that may begin; None when none waits any more."""
        with self._changed:
            while self._waiting:
                place = self.take()
                if place is not None:
                    return place
                self._changed.wait()
            return None

    def take(self) -> int | None:
        """Return the place of the next task, or None where none may begin now."""
        with self._changed:
            place = self._ready()
            if place is None:
                return None
            self._waiting.remove(place)
            begins = self._begins[place]
            if begins is not None and begins not in self._made:
                self._making[begins] = place
            return place

    def _ready(self) -> int | None:
        return next((place for place in self._waiting if self._begins[place] not in self._making), None)

    def note(self, place: int, event: Event) -> None:
        """Note what a task has come to, which may let others begin."""
        begins = self._begins[place]
        if begins is None or not isinstance(event, GenerationFinished | TaskDone | TaskFailed):
            return
        with self._changed:
            if self._making.get(begins) != place:
                return
            del self._making[begins]
            if not isinstance(event, TaskFailed):
                self._made.add(begins)
            self._changed.notify_all()
