"""The order in which tasks are handed out: that of the plan, but no two that would fit the same generation 0."""

import threading
from pathlib import Path

import pytest

from fortifai.planning.chains import PlannedChain
from fortifai.runner.messages import Event, GenerationFinished, MeasureNull, Remark, RunChain, Task, TaskDone, TaskFailed
from fortifai.runner.schedule import Schedule

FINISHED = GenerationFinished(generation=0, status="ok")


def tasks(*beginnings: str | None) -> list[Task]:
    suite = {"suite": "own@1", "source": {}, "overrides": {}, "folder": str(Path.cwd())}
    chain = PlannedChain(
        id="0", regime="r", strategy="replace", objective="ce", seed=0, horizon=1, n=1, data_hash="0"
    )  # all alike: a schedule looks at what they begin with
    return [RunChain(**suite, chain=chain, keep="last", begins_with=begins) for begins in beginnings]


def test_what_begins_with_nothing_is_handed_out_in_order():
    schedule = Schedule(tasks(None, None, None))
    assert [schedule.next() for _ in range(4)] == [0, 1, 2, None]
    null = MeasureNull(suite="own@1", source={}, overrides={}, folder="/", regime="r")
    assert Schedule([null]).next() == 0


def test_the_first_of_those_that_begin_alike_goes_first_and_others_are_worked_on_meanwhile():
    schedule = Schedule(tasks("a", "a", "b", "a", None))
    assert [schedule.next() for _ in range(3)] == [0, 2, 4]
    schedule.note(0, Remark(text="something"))
    schedule.note(0, FINISHED)
    assert [schedule.next() for _ in range(2)] == [1, 3]


def test_a_task_that_ends_before_it_has_come_so_far_makes_way_for_one_other():
    schedule = Schedule(tasks("a", "a", "b", "a"))
    assert [schedule.next() for _ in range(2)] == [0, 2]
    schedule.note(0, TaskFailed(reason="killed"))
    assert schedule.next() == 1
    schedule.note(1, TaskDone())
    assert [schedule.next() for _ in range(2)] == [3, None]


def test_a_task_that_fails_later_changes_nothing():
    schedule = Schedule(tasks("a", "a", "a"))
    assert schedule.next() == 0
    schedule.note(0, FINISHED)
    assert schedule.next() == 1
    schedule.note(0, TaskFailed(reason="out of memory"))
    assert schedule.next() == 2


@pytest.mark.parametrize("event", [FINISHED, TaskFailed(reason="killed"), TaskDone()])
def test_a_worker_that_has_to_wait_is_woken(event: Event):
    schedule = Schedule(tasks("a", "a"))
    assert schedule.next() == 0
    handed_out: list[int | None] = []
    worker = threading.Thread(target=lambda: handed_out.append(schedule.next()), daemon=True)
    worker.start()
    schedule.note(0, event)
    worker.join(60)
    assert handed_out == [1]


def test_every_task_is_handed_out_once_whatever_the_number_of_threads():
    beginnings = ["abc"[place % 3] if place % 5 else None for place in range(200)]
    schedule, lock = Schedule(tasks(*beginnings)), threading.Lock()
    handed_out: list[int] = []
    making: set[str] = set()
    made: set[str] = set()
    clashes: list[int] = []

    def work() -> None:
        while (place := schedule.next()) is not None:
            begins = beginnings[place]
            with lock:
                handed_out.append(place)
                if begins is not None and begins not in made:
                    clashes.extend([place] if begins in making else [])
                    making.add(begins)
            with lock:
                made.update({begins} if begins else set())
            schedule.note(place, FINISHED)
            schedule.note(place, TaskDone())

    workers = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert sorted(handed_out) == list(range(200))
    assert not clashes
