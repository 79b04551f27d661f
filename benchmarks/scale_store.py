"""How fast models reach the driver through Ray's object store: MiB a second, in pieces as a node sends them.

``python benchmarks/scale_store.py [--pieces 8]`` starts a cluster of two nodes on this machine, lets a task on the other node
yield pieces of 64 MiB, four ahead at most, as `RayExecutor` has it, and takes them one after the other.
"""

import argparse
import os
import time
from collections.abc import Iterator
from typing import Any

import ray
from ray import cluster_utils

from fortifai.runner.cluster.parcels import PIECE, Piece

STORE = 512 * 2**20
"""Bytes of each node's object store."""


def send(count: int) -> Iterator[Piece]:
    """Yield pieces of a file."""
    for _ in range(count):
        yield Piece("model", bytes(PIECE))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pieces", type=int, default=8)
    options = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    head: dict[str, Any] = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False}
    nodes = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
    nodes.add_node(num_cpus=1, object_store_memory=STORE)
    ray.init(address=nodes.address, log_to_driver=False, logging_level="error")
    remote = ray.remote(num_cpus=1, num_returns="streaming", _generator_backpressure_num_objects=4)(send)
    for piece in remote.remote(1):  # the worker is there
        ray.get(piece)
    begun = time.monotonic()
    for piece in remote.remote(options.pieces):
        ray.get(piece)
    seconds = time.monotonic() - begun
    mebibytes = options.pieces * PIECE / 2**20
    print(f"{mebibytes:.0f} MiB in {seconds:.1f} s: {mebibytes / seconds:.0f} MiB a second", flush=True)
    ray.shutdown()
    nodes.shutdown()


if __name__ == "__main__":
    main()
