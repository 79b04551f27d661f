"""The Ray executor without a cluster: what is refused in a sentence, and what it makes of the errors that Ray raises."""

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from fortifai.errors import UserError
from fortifai.runner.cluster import ray_executor
from fortifai.runner.cluster.inbox import Inbox
from fortifai.runner.cluster.node import Report, limit_gpu_memory
from fortifai.runner.cluster.parcels import Piece
from fortifai.runner.cluster.ray_cluster import Share, connect, differences
from fortifai.runner.cluster.ray_executor import RayExecutor, RayOptions, _Running
from fortifai.runner.executor import Resources, choose
from fortifai.runner.messages import Event, TaskFailed

ray = pytest.importorskip("ray")


@pytest.fixture
def unused() -> Iterator[int]:
    """A port that nothing listens at."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ray:gpus_per_chain=1.5", "gpus_per_chain: should be a whole number above 1, not 1.5"),
        ("ray:gpus_per_chain=-1", "gpus_per_chain: input should be greater than or equal to 0, not '-1'"),
        ("ray:gpus_per_chain=0.0001", "gpus_per_chain: should be at least 0.001, not 0.0001"),
        ("ray:cpus_per_chain=0", "cpus_per_chain: input should be greater than 0"),
        ("ray:adress=auto", r"adress: unknown key \(known: address, gpus_per_chain, cpus_per_chain\)"),
    ],
)
def test_a_wrong_option_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        choose(text)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:{unused}", "--address .*: no Ray cluster answers there: Connection refused; `ray start --head` starts one"),
        ("nowhere.invalid:6379", "no Ray cluster answers there: "),
        ("ray://127.0.0.1:10001", "is that of Ray Client, which cannot stream; run the command on a node of the cluster"),
        ("head", "--address head: should be host:port, such as 10.0.0.1:6379, or auto"),
        ("head:99999", "should be host:port"),
    ],
)
def test_an_address_at_which_there_is_no_cluster_is_said_at_once(unused: int, address: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        connect(address.format(unused=unused))


def test_the_address_may_be_that_of_the_environment(unused: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "RAY_ADDRESS", f"127.0.0.1:{unused}")
    with pytest.raises(UserError, match=f"--address 127.0.0.1:{unused}: no Ray cluster answers there"):
        connect(None)


def test_without_ray_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_executor, "missing_modules", lambda modules, extra: f"needs {', '.join(modules)}; [{extra}]")
    with pytest.raises(UserError, match=r"executor ray needs ray; \[ray\]"):
        RayExecutor.require()


@pytest.mark.parametrize(
    ("cpus", "gpus", "has", "room"),
    [
        (1, 0, {"CPU": 4.0}, 4),
        (2, 0, {"CPU": 5.0}, 2),
        (1, 0, {"memory": 1e9}, 0),
        (1, 0.25, {"CPU": 16.0, "GPU": 2.0}, 8),
        (1, 0.3, {"CPU": 16.0, "GPU": 2.0}, 6),  # no chain has parts of two GPUs
        (1, 2, {"CPU": 16.0, "GPU": 5.0}, 2),
        (1, 0.1, {"CPU": 4.0, "GPU": 1.0}, 4),
        (1, 1, {"CPU": 4.0}, 0),
    ],
)
def test_how_many_chains_a_node_has_room_for(cpus: float, gpus: float, has: dict[str, float], room: int) -> None:
    assert Share(cpus, gpus).on({"Resources": has}) == room


def test_a_node_that_differs_is_told_with_both_versions() -> None:
    here = Report("a", {"python": "3.11.7", "torch": "2.11.0", "fortifai": "0.1.0"})
    there = Report("b", {"python": "3.11.7", "torch": "2.10.0", "fortifai": "0.1.0", "pot": "0.9.5"})
    assert differences(here, here) == []
    assert differences(here, there) == [
        "node b has pot 0.9.5, and here is none; torch 2.10.0, and here is 2.11.0: install the same on every node"
    ]


def test_a_process_has_its_share_of_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[Any] = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", shares.append)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    limit_gpu_memory(0.25)
    assert shares == []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    limit_gpu_memory(0.25)
    assert shares == [0.25]


def heard(run: Path, monkeypatch: pytest.MonkeyPatch, sent: object, *, last: bool = False) -> list[tuple[int, Event]]:
    """Return the events that come of what Ray returns or raises for the next thing that a task sends."""

    def get(reference: object) -> object:
        if isinstance(sent, Exception):
            raise sent
        return sent

    monkeypatch.setattr(ray, "get", get)
    monkeypatch.setattr(ray, "cancel", lambda stream, force: None)
    executor = RayExecutor(Resources(None, -1, run / "log"), RayOptions())
    stream = iter([object()])
    executor._state.running[stream] = _Running(7, Inbox(run), "n1", last)
    events = list(executor._next(stream, []))
    assert not executor._state.running
    assert not list(run.glob(".arriving*"))
    return events


@pytest.mark.parametrize(
    "error", [ray.exceptions.NodeDiedError("gone"), ray.exceptions.WorkerCrashedError(), ray.exceptions.TaskCancelledError()]
)
def test_what_becomes_of_a_node_after_the_last_event_is_nothing_to_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    assert heard(tmp_path, monkeypatch, error, last=True) == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ray.exceptions.WorkerCrashedError(), "node n1: its worker process was ended; out of memory?"),
        (ray.exceptions.OutOfMemoryError("Task was killed\nby the monitor"), "node n1: out of memory: Task was killed"),
    ],
)
def test_a_worker_that_is_ended_fails_its_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    ((place, event),) = heard(tmp_path, monkeypatch, error)
    assert isinstance(event, TaskFailed)
    assert (place, event.reason) == (7, reason)


def test_a_full_disk_here_is_known_as_one_and_a_full_one_there_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Inbox, piece: Piece) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Inbox, "receive", full)
    ((_, here),) = heard(tmp_path, monkeypatch, Piece("chain/x", b""))
    assert isinstance(here, TaskFailed)
    assert here.disk_full
    assert here.reason == "what node n1 sent: OSError: [Errno 28] No space left on device"
    executor = RayExecutor(Resources(None, -1, tmp_path / "log"), RayOptions())
    there = executor._receive(TaskFailed(reason="full", disk_full=True).model_dump_json(), _Running(7, Inbox(tmp_path), "n1"))
    assert there == TaskFailed(reason="node n1: full")
