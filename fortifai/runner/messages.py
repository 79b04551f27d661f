"""What a run and its workers send each other, as JSON lines: tasks one way, events the other."""

from typing import Annotated, Any, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from fortifai.errors import UserError
from fortifai.planning.chains import PlannedChain

Keep = Literal["all", "last", "samples", "none"]
"""What stays of a chain's generations: everything; what the chain needs to resume; every generation's samples; nothing."""


def as_keep(name: str) -> Keep:
    """Return what `--keep` names. Raises UserError for anything else."""
    for keep in get_args(Keep):
        if name == keep:
            return cast(Keep, keep)
    raise UserError(f"--keep {name}: should be one of {', '.join(get_args(Keep))}")


class Message(BaseModel):
    """Base of everything that is sent: immutable, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SuiteTask(Message):
    """Something to do for a suite, in its run folder.

    Attributes:
        suite: The suite's identity, which errors name.
        source: The content of its file.
        overrides: The user's settings.
        folder: The run folder, as an absolute path.
        code: The files of the user's own that it uses, which the run folder has a copy of: SHA-256 by name.
    """

    suite: str
    source: dict[str, Any]
    overrides: dict[str, Any]
    folder: str
    code: dict[str, str] = Field(default_factory=dict)


class MeasureNull(SuiteTask):
    """Measure the null of a regime."""

    task: Literal["null"] = "null"
    regime: str


class RunChain(SuiteTask):
    """Run a chain, or what is missing of it.

    Attributes:
        chain: The chain.
        keep: What stays of its generations.
        begins_with: Names the generation 0 that it has yet to get. Of tasks that name the same one, only the first should run
            until it has finished a generation; the others take that over. An executor that does not see to it wastes time, and
            changes no number. None: it has its generation 0.
    """

    task: Literal["chain"] = "chain"
    chain: PlannedChain
    keep: Keep
    begins_with: str | None = None


Task = MeasureNull | RunChain


class TaskStarted(Message):
    """A worker has begun with the task."""

    event: Literal["started"] = "started"


class GenerationFinished(Message):
    """A generation is recorded; ``seconds``: what it took, by the clock of the worker."""

    event: Literal["generation"] = "generation"
    generation: int
    status: Literal["ok", "diverged"]
    reason: str | None = None
    seconds: float | None = None


class Remark(Message):
    """Something that the user should know, and that does not stop the task."""

    event: Literal["remark"] = "remark"
    text: str


class TaskDone(Message):
    """The task has come to its end."""

    event: Literal["done"] = "done"


class TaskFailed(Message):
    """The task has ended early.

    Attributes:
        reason: What went wrong, in one line.
        trace: The traceback, where there is one.
        disk_full: Whether the disk is full, so that other tasks would fail as well.
        hopeless: Whether other chains of the regime would fail in the same way, as of an adapter that breaks the contract.
    """

    event: Literal["failed"] = "failed"
    reason: str
    trace: str = ""
    disk_full: bool = False
    hopeless: bool = False


Event = TaskStarted | GenerationFinished | Remark | TaskDone | TaskFailed

_TASKS: TypeAdapter[Task] = TypeAdapter(Annotated[Task, Field(discriminator="task")])
_EVENTS: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def read_task(line: str | bytes) -> Task:
    """Return the task that one line of JSON holds. Raises pydantic's ValidationError for anything else."""
    return _TASKS.validate_json(line)


def read_event(line: str | bytes) -> Event:
    """Return the event that one line of JSON holds. Raises pydantic's ValidationError for anything else."""
    return _EVENTS.validate_json(line)
