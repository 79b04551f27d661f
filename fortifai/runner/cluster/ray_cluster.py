"""A Ray cluster as a run sees it: reached or started, its nodes compared with this machine, and its room for chains."""

import os
import socket
from dataclasses import dataclass
from typing import Any

from fortifai.errors import UserError
from fortifai.runner.cluster.node import Report, report

PATIENCE = 60.0
"""Seconds that nodes have to say what they are."""

REACHED = 5.0
"""Seconds in which an address has to answer."""


@dataclass(frozen=True)
class Share:
    """What a chain gets of a node: cores and GPUs, or shares of them."""

    cpus: float
    gpus: float

    def on(self, node: dict[str, Any]) -> int:
        """Return how many such shares a node has, by its resources as Ray lists them."""
        cpus = int(node["Resources"].get("CPU", 0) / self.cpus)
        if not self.gpus:
            return cpus
        gpus = node["Resources"].get("GPU", 0)
        each = int(1 / self.gpus + 1e-9)  # of one GPU: Ray gives no chain parts of two
        return min(cpus, int(gpus) * each if self.gpus < 1 else int(gpus / self.gpus))


def connect(address: str | None) -> bool:
    """Connect this process to a cluster, unless it is, and return whether it was done here, and so is to be undone.

    Args:
        address: ``host:port``, ``auto`` or ``local``; None: as RAY_ADDRESS says, or a cluster that runs on this machine, or else
            a new one, which ends with the run.

    Raises:
        UserError: There is no cluster, or it has another version of Ray or Python.
    """
    import ray

    if ray.is_initialized():
        return False
    wanted = address or os.environ.get("RAY_ADDRESS")
    if wanted is not None:
        _reach(wanted)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # of a cluster that is started here: nobody is told of a run
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error", include_dashboard=None if wanted else False)
    except ConnectionError as error:
        raise UserError(
            f"--address {wanted}: there is no Ray cluster: {_first_line(error)}; `ray start --head` starts one"
        ) from None
    except (RuntimeError, ValueError) as error:
        raise UserError(f"Ray cannot be used{f' at {wanted}' if wanted else ''}: {_plain(error)}") from None
    return True


def _reach(address: str) -> None:
    """Raise UserError unless something answers at an address of a host and a port, which Ray would wait minutes for."""
    if address.startswith("ray://"):
        raise UserError(
            f"--address {address}: is that of Ray Client, which cannot stream; run the command on a node of the cluster, "
            "or by `ray job submit`"
        )
    if address in ("auto", "local"):
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise UserError(f"--address {address}: should be host:port, such as 10.0.0.1:6379, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACHED).close()
    except OSError as error:
        why = error.strerror or str(error)
        raise UserError(f"--address {address}: no Ray cluster answers there: {why}; `ray start --head` starts one") from None


def nodes() -> list[dict[str, Any]]:
    """Return the nodes that are alive, as Ray lists them."""
    import ray

    return [node for node in ray.nodes() if node["Alive"]]


def require_room(share: Share) -> list[dict[str, Any]]:
    """Return the nodes that have room for a chain.

    Raises:
        UserError: None has; the text says what there is.
    """
    alive = nodes()
    if fitting := [node for node in alive if share.on(node)]:
        return fitting
    most = {name: max((node["Resources"].get(name, 0) for node in alive), default=0) for name in ("CPU", "GPU")}
    if share.gpus and most["GPU"] < share.gpus:
        asked = f"--gpus-per-chain {share.gpus:g}"
        if not most["GPU"]:
            raise UserError(f"{asked}: no node of the cluster has a GPU")
        raise UserError(f"{asked}: no node of the cluster has more than {most['GPU']:g} GPUs, and a chain runs on one node")
    raise UserError(f"no node of the cluster has {share.cpus:g} cores for a chain; the most is {most['CPU']:g}")


def require_alike(where: list[dict[str, Any]]) -> None:
    """Raise UserError unless nodes have what this process has, in the same versions, on which numbers depend."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ask = ray.remote(num_cpus=0, max_retries=0)(report)
    asked = {
        ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(): node
        for node in where
    }
    answered, silent = ray.wait(list(asked), num_returns=len(asked), timeout=PATIENCE)
    here = report()
    faults = [f"node {_name(asked[one])} did not answer within {PATIENCE:.0f} s" for one in silent]
    for one in answered:
        try:
            faults += differences(here, ray.get(one))
        except ray.exceptions.RayError as error:
            faults.append(f"node {_name(asked[one])} cannot run fortifai {here.versions['fortifai']}: {_plain(error)}")
    if faults:
        raise UserError("nodes of the cluster cannot be used as they are:\n" + "\n".join(f"  {fault}" for fault in faults))


def differences(here: Report, there: Report) -> list[str]:
    """Return in what a node differs from this process, a line or none."""
    names = sorted(here.versions.keys() | there.versions.keys())
    pairs = ((name, here.versions.get(name, "none"), there.versions.get(name, "none")) for name in names)
    told = [f"{name} {theirs}, and here is {ours}" for name, ours, theirs in pairs if ours != theirs]
    return [f"node {there.node} has {'; '.join(told)}: install the same on every node"] if told else []


def _name(node: dict[str, Any]) -> str:
    return str(node.get("NodeName") or node.get("NodeManagerAddress") or node["NodeID"])


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def _plain(error: BaseException) -> str:
    """Return what an error of Ray's says in one line; of one from a node, the last line, which has the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if len(lines) > 3 and "Traceback" in str(error) else " ".join(lines)
