"""The Ray executor: chains as tasks of a Ray cluster, whose results are streamed into this machine's run folder."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator

from fortifai.config import Runtime
from fortifai.errors import Damaged, UserError
from fortifai.files import drop_torn_line, is_disk_full
from fortifai.needs import missing_modules
from fortifai.permission import VARIABLE as ALLOW_CODE
from fortifai.records.layout import RECORDS_FILE
from fortifai.runner.cluster import ray_cluster
from fortifai.runner.cluster.inbox import Inbox
from fortifai.runner.cluster.node import Report, Work, perform_on_node, report
from fortifai.runner.cluster.parcels import Changes, Piece, files_for
from fortifai.runner.executor import Executor, ExecutorOptions, Resources
from fortifai.runner.local import ONE_THREAD
from fortifai.runner.messages import Event, Remark, RunChain, Task, TaskDone, TaskFailed, read_event
from fortifai.runner.schedule import Schedule

GPU_SHARES = 1_000
"""The most chains that may share a GPU."""

LOST_IN_A_ROW = 5
"""Nodes that may be lost under a task without a generation between them: then it is perhaps the task that they die of."""

LOOK = 1.0
"""Seconds between looks at how large the cluster is, which grows and shrinks."""

GOODBYE = 10.0
"""Seconds that cancelled tasks have to end."""


class RayOptions(ExecutorOptions):
    """Which cluster, and what a chain gets of it."""

    address: Runtime[str | None] = Field(
        None,
        min_length=1,
        description="Of the cluster, host:port or auto. By default RAY_ADDRESS, or a cluster on this machine, or a new one.",
    )
    gpus_per_chain: Runtime[float] = Field(
        0.0, ge=0, le=1024, description="GPUs of a chain; 0.25: four chains share one, each with a quarter of its memory."
    )
    cpus_per_chain: Runtime[float] = Field(1.0, gt=0, le=1024, description="Cores that a chain occupies; it has one thread.")

    @field_validator("gpus_per_chain")
    @classmethod
    def _as_ray_has_it(cls, gpus: float) -> float:
        if gpus > 1 and gpus != int(gpus):
            raise ValueError(f"should be a whole number above 1, not {gpus:g}")
        if 0 < gpus < 1 / GPU_SHARES:
            raise ValueError(f"should be at least {1 / GPU_SHARES:g}, not {gpus:g}")
        return gpus


@dataclass
class _Running:
    """A task that a node is at, or will be."""

    place: int
    inbox: Inbox
    node: str = "of the cluster"
    last: bool = False


@dataclass
class _State:
    """What is going on."""

    running: dict[Any, _Running] = field(default_factory=dict)
    lost: dict[int, int] = field(default_factory=dict)
    """How often in a row the node was lost that was at a task, by the task's place."""


class RayExecutor(Executor):
    """Runs chains as tasks of a Ray cluster, on nodes that need not see the run folder; a node that is lost costs a generation.

    A node works in a copy of what is committed, and sends every generation as soon as it is there. It counts once this process,
    the only one that writes to the run folder, has held it against its hashes and committed it.
    """

    Options: ClassVar[type[ExecutorOptions]] = RayOptions
    elsewhere: ClassVar[bool] = True

    def __init__(self, resources: Resources, options: RayOptions) -> None:
        super().__init__(resources, options)
        self._address = options.address
        self._share = ray_cluster.Share(options.cpus_per_chain, options.gpus_per_chain)
        self._here = report()
        self._state = _State()
        self._connected = False
        self._room, self._looked = 0, 0.0

    @classmethod
    def require(cls) -> None:
        """Raise UserError if Ray is not installed."""
        if missing := missing_modules(("ray",), "ray"):
            raise UserError(f"executor ray {missing}")

    def __enter__(self) -> Self:
        self._connected = ray_cluster.connect(self._address)
        try:
            fitting = ray_cluster.require_room(self._share)
            ray_cluster.require_alike(fitting)
        except BaseException:
            self.stop()
            raise
        self._room = sum(map(self._share.on, fitting))
        self._nodes = len(fitting)
        return self

    @property
    def at_once(self) -> int:
        """As many chains as the cluster has room for, or as were asked for if those are fewer."""
        return min(self.resources.workers or self._room, max(self._room, 1))

    @property
    def where(self) -> str:
        """How many nodes there are, and how many chains they run at once."""
        import ray

        address = ray.get_runtime_context().gcs_address
        nodes = "1 node" if self._nodes == 1 else f"{self._nodes} nodes"
        return f"on the Ray cluster at {address}: {nodes}, {self.at_once} chains at once"

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Event]]:
        """Run all tasks, and yield events as they come, each with the place of its task."""
        schedule = Schedule(tasks)
        left = len(tasks)
        while left:
            for place, event in self._step(tasks, schedule):
                schedule.note(place, event)
                left -= isinstance(event, TaskDone | TaskFailed)
                yield place, event

    def stop(self) -> None:
        """End all tasks, wherever they run, and leave the cluster; one that was started here ends."""
        import ray

        state, self._state = self._state, _State()
        if ray.is_initialized():
            for stream in state.running:
                ray.cancel(stream, force=True)
            _await_the_end(list(state.running))
        for one in state.running.values():
            one.inbox.close()
        if self._connected:
            ray.shutdown()
            self._connected = False

    def _step(self, tasks: Sequence[Task], schedule: Schedule) -> Iterator[tuple[int, Event]]:
        """Send out what may begin, and yield what has come of the others, for which it waits a moment."""
        import ray

        running = self._state.running
        while len(running) < self._most() and (place := schedule.take()) is not None:
            yield from self._begin(tasks[place], place)
        if running:
            ray.wait(list(running), num_returns=1, timeout=LOOK, fetch_local=False)
            ready, _ = ray.wait(list(running), num_returns=len(running), timeout=0, fetch_local=False)
            for stream in ready:
                yield from self._next(stream, tasks)

    def _most(self) -> int:
        """Return how many tasks may be out: some more than there is room for, by which a cluster that can grow sees to grow."""
        if self.resources.workers is not None:
            return self.resources.workers
        if time.monotonic() > self._looked + LOOK:
            self._room = sum(map(self._share.on, ray_cluster.nodes()))
            self._looked = time.monotonic()
        return 2 * max(self._room, 1)

    def _begin(self, task: Task, place: int) -> Iterator[tuple[int, Event]]:
        """Send a task out, with what is committed of it; no longer than it takes to say so."""
        import ray

        run = Path(task.folder)
        try:
            if isinstance(task, RunChain):
                drop_torn_line(run / task.chain.identity()[0] / RECORDS_FILE)
            work = Work(
                task.model_dump_json(),
                files_for(run, task),
                ONE_THREAD | {name: os.environ[name] for name in (ALLOW_CODE,) if name in os.environ},
                str(Path.cwd()),
                min(self._share.gpus, 1.0) or None,
            )
            inbox = Inbox(run)
        except OSError as error:
            yield place, TaskFailed(reason=f"{type(error).__name__}: {error}", disk_full=is_disk_full(error))
            return
        remote = ray.remote(
            num_cpus=self._share.cpus,
            num_gpus=self._share.gpus,
            num_returns="streaming",
            max_retries=0,  # it is begun again by what is committed, not by what was sent
            scheduling_strategy="SPREAD",
            _generator_backpressure_num_objects=4,
        )(perform_on_node)
        self._state.running[remote.remote(work)] = _Running(place, inbox)

    def _next(self, stream: Any, tasks: Sequence[Task]) -> Iterator[tuple[int, Event]]:
        """Take the next thing that a task has sent, and yield the event that it is, if it is one."""
        import ray

        one = self._state.running[stream]
        try:
            sent = ray.get(next(stream))
        except StopIteration:
            self._let_go(stream)
            if not one.last:
                yield one.place, TaskFailed(reason=f"node {one.node} has ended it without a word")
            return
        except ray.exceptions.RayError as error:
            self._let_go(stream)
            if one.last:  # whatever became of the node then
                return
            if isinstance(error, ray.exceptions.NodeDiedError | ray.exceptions.ObjectLostError):
                yield from self._again(one, tasks)
                return
            yield one.place, TaskFailed(reason=f"node {one.node}: {_why(error)}", trace=str(error))
            return
        try:
            event = self._receive(sent, one)
        except (OSError, Damaged) as error:
            ray.cancel(stream, force=True)
            self._let_go(stream)
            reason = str(error) if isinstance(error, Damaged) else f"{type(error).__name__}: {error}"
            event = TaskFailed(reason=f"what node {one.node} sent: {reason}", disk_full=is_disk_full(error))
        if event is not None and not one.last:
            one.last = isinstance(event, TaskDone | TaskFailed)
            self._state.lost.pop(one.place, None)
            yield one.place, event

    def _receive(self, sent: object, one: _Running) -> Event | None:
        match sent:
            case Piece():
                one.inbox.receive(sent)
            case Changes():
                one.inbox.commit(sent)
            case Report():
                one.node = sent.node
                if faults := ray_cluster.differences(self._here, sent):  # one that has joined since
                    raise Damaged("; ".join(faults))
            case str():
                event = read_event(sent)
                if isinstance(event, TaskFailed):  # it is the node's disk that is full
                    return event.model_copy(update={"reason": f"node {one.node}: {event.reason}", "disk_full": False})
                return event
        return None

    def _again(self, one: _Running, tasks: Sequence[Task]) -> Iterator[tuple[int, Event]]:
        """Begin a task again whose node is lost."""
        lost = self._state.lost[one.place] = self._state.lost.get(one.place, 0) + 1
        if lost >= LOST_IN_A_ROW:
            yield one.place, TaskFailed(reason=f"{lost} nodes in a row were lost that were at it, the last one {one.node}")
            return
        yield one.place, Remark(text=f"node {one.node} was lost; it goes on elsewhere, from what is committed")
        yield from self._begin(tasks[one.place], one.place)

    def _let_go(self, stream: Any) -> None:
        self._state.running.pop(stream).inbox.close()


def _why(error: Exception) -> str:
    """Return why a task ended whose node lives, as the local executor says it."""
    import ray

    if isinstance(error, ray.exceptions.OutOfMemoryError):
        return f"out of memory: {str(error).strip().partition(chr(10))[0]}"
    if isinstance(error, ray.exceptions.WorkerCrashedError):
        return "its worker process was ended; out of memory?"
    return f"{type(error).__name__}: {str(error).strip().splitlines()[-1]}"


def _await_the_end(streams: Sequence[Any]) -> None:
    """Wait until cancelled tasks have ended, for a while."""
    import ray

    until = time.monotonic() + GOODBYE
    left = list(streams)
    while left and time.monotonic() < until:
        ready, _ = ray.wait(left, num_returns=1, timeout=LOOK, fetch_local=False)
        for stream in ready:
            try:
                next(stream)
            except (StopIteration, ray.exceptions.RayError):
                left.remove(stream)
