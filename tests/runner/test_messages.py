"""What a run and its workers say to each other survives the way there, and nothing else is understood."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from fortifai.planning.chains import PlannedChain
from fortifai.runner.messages import (
    Event,
    GenerationFinished,
    MeasureNull,
    Message,
    Remark,
    RunChain,
    Task,
    TaskDone,
    TaskFailed,
    TaskStarted,
    read_event,
    read_task,
)

SUITE: dict[str, Any] = {
    "suite": "tiny@1",
    "source": {"regimes": {"small": {"n": 40, "data.clip": 0.1, "strategies": ["replace"], "note": "naïve\nline"}}},
    "overrides": {"n": 0.30000000000000004},
    "folder": "/somewhere/tiny@1",
}
CHAIN = PlannedChain(id="0" * 16, regime="small", strategy="replace", objective="ce", seed=0, horizon=4, n=40, data_hash="f" * 16)
UNIDENTIFIED = CHAIN.model_copy(update={"id": None, "data_hash": None})
TASKS: list[Task] = [
    MeasureNull(**SUITE, regime="small"),
    *(RunChain(**SUITE, chain=CHAIN, keep=keep) for keep in ("all", "last", "samples", "none")),
    RunChain(**SUITE, chain=UNIDENTIFIED, keep="last"),
]
EVENTS: list[Event] = [
    TaskStarted(),
    GenerationFinished(generation=3, status="ok", seconds=1.5),
    GenerationFinished(generation=3, status="diverged", reason="the loss is nan"),
    Remark(text="the examples of real were not drawn:\nout of ink"),
    TaskDone(),
    TaskFailed(reason="it fell over"),
    TaskFailed(reason="no space", trace="Traceback ...\n", disk_full=True),
]


def subclasses(cls: type[Message]) -> set[type[Message]]:
    return {cls}.union(*(subclasses(below) for below in cls.__subclasses__()))


def test_there_is_an_example_of_every_message():
    concrete = {cls for cls in subclasses(Message) if {"task", "event"} & set(cls.model_fields)}
    assert {type(message) for message in (*TASKS, *EVENTS)} == concrete


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.task)
def test_a_task_survives_its_way_as_one_line(task):
    line = task.model_dump_json()
    assert "\n" not in line
    assert read_task(line) == read_task(line.encode() + b"\n") == task


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.event)
def test_an_event_survives_its_way_as_one_line(event):
    line = event.model_dump_json()
    assert "\n" not in line
    assert read_event(line) == read_event(line.encode() + b"\n") == event


def test_a_chain_without_data_is_sent_with_nulls_and_not_with_empty_names():
    chain = json.loads(RunChain(**SUITE, chain=UNIDENTIFIED, keep="last").model_dump_json())["chain"]
    assert (chain["id"], chain["data_hash"]) == (None, None)


@pytest.mark.parametrize("message", [*TASKS, *EVENTS], ids=lambda message: type(message).__name__)
def test_a_key_that_is_unknown_or_missing_and_a_name_that_is_unknown_are_refused(message):
    read, kind = (read_task, "task") if hasattr(message, "task") else (read_event, "event")
    content = json.loads(message.model_dump_json())
    for changed in ({**content, "colour": "blue"}, {**content, kind: "party"}, {k: v for k, v in content.items() if k != kind}):
        with pytest.raises(ValidationError):
            read(json.dumps(changed))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "done",
        "[]",
        '{"event": "generation", "generation": 0, "status": "odd"}',
        '{"event": "generation", "generation": "first", "status": "ok"}',
        '{"event": "failed"}',
    ],
)
def test_a_line_that_is_no_event_is_refused(line):
    with pytest.raises(ValidationError):
        read_event(line)


def test_a_chain_with_an_unknown_key_is_refused():
    content = json.loads(TASKS[1].model_dump_json())
    content["chain"]["state"] = "pending"
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        read_task(json.dumps(content))


def test_messages_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        EVENTS[0].generation = 4
