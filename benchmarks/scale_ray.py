"""The simulation of `scale.py` against a real cluster: two nodes of Ray on this machine, chains whose generations wait.

``python benchmarks/scale_ray.py [--seconds 1.0] [--chains 6] [--generations 5]`` runs a suite of closed forms whose objective
waits before every generation, so that the processor decides next to nothing: one chain alone, by which the time that a chain
takes to begin is measured; several on two nodes; and the same while one node is lost without grace in the middle, and another one
joins. It prints the seconds of each run, and what the simulation says of it.
"""

import argparse
import math
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ray
from ray import cluster_utils
from scale import Cluster, Work, forever, simulate

import fortifai

SUITE = """
schema = 1
name = "waiting"
version = 1
summary = "chains that wait"
[defaults]
modality = "analytic-gaussian"
fidelity_metric = "gaussian_spread"
start = "warm"
objectives = ["ce"]
strategies = ["replace", "control"]
n = 20
seconds_per_generation = 0.008
[regimes.drift]
generations = 5
"""

WAITING = '''
import time
from fortifai.objectives import Selective

class Waiting(Selective):
    """Cross entropy that waits before every generation."""

    elementwise = True

    def for_generation(self, past):
        time.sleep({seconds})
        return self

    def weights(self, confidence, mass=None):
        return confidence.detach() * 0 + 1
'''

NODE: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 * 2**20}

NOTICE = 2.0
"""Seconds after which the cluster takes a node for lost that says nothing: four checks, half a second apart."""

CHECKS = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 4}


def timed(folder: Path, seconds: float, chains: int, generations: int, act: Callable[[], None] | None = None) -> float:
    """Return the seconds in which these chains run, from the first of their tasks; ``act``: done meanwhile, in a thread.

    The baseline, which does not wait, is run beside them: its chains take next to nothing.
    """
    folder.mkdir()
    (folder / "waiting.toml").write_text(SUITE)
    file = folder / f"waiting_{folder.name}.py"
    file.write_text(WAITING.format(seconds=seconds))
    what = {"objectives": [f"{file}:Waiting"], "strategies": ["replace"], "seeds": chains, "quiet": True}
    # The baseline first, which fits what chains share: then what is timed are the chains that wait.
    fortifai.run(
        folder / "waiting.toml", folder, executor="in-process", **(what | {"objectives": ["ce"]}), generations=generations
    )
    if act is not None:
        threading.Thread(target=act, daemon=True).start()
    begun = time.monotonic()
    fortifai.run(folder / "waiting.toml", folder, executor="ray", **what, generations=generations)
    return time.monotonic() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--chains", type=int, default=6)
    parser.add_argument("--generations", type=int, default=5)
    options = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    head = {**NODE, "include_dashboard": False, "_system_config": CHECKS}
    nodes = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
    other = nodes.add_node(**NODE)
    ray.init(address=nodes.address, log_to_driver=False, logging_level="error")
    work = [Work([options.seconds] * (options.generations + 1))] * options.chains
    # A third of the way through, in the middle of a generation.
    lost_after = sum(work[0].seconds) * options.chains / 2 / 3

    def lose() -> None:
        time.sleep(lost_after)
        nodes.remove_node(other, allow_graceful=False)
        nodes.add_node(**NODE)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        timed(folder / "first", 0.0, 2, 1)  # both nodes have loaded what they need
        alone = timed(folder / "alone", options.seconds, 1, options.generations)
        begin = max(alone - sum(work[0].seconds), 0.0)
        print(f"one chain: {alone:.1f} s, {begin:.1f} s of them to begin", flush=True)
        took = timed(folder / "two", options.seconds, options.chains, options.generations)
        report("two nodes", took, simulate(work, Cluster(2, begin=begin)).seconds)
        took = timed(folder / "lost", options.seconds, options.chains, options.generations, lose)

        def lives(node: int) -> Iterator[float]:
            yield from (lost_after,) if node == 1 else ()
            yield from forever(node)

        told = simulate(work, Cluster(2, lives=lives, notice=NOTICE, away=NOTICE, begin=begin))
        report("one of them lost", took, told.seconds)
    ray.shutdown()
    nodes.shutdown()


def report(what: str, took: float, simulated: float) -> None:
    """Print what a run took and what the simulation says."""
    print(f"{what}: {took:.1f} s, simulated {simulated:.1f} s, {math.fabs(took / simulated - 1):.0%} apart", flush=True)


if __name__ == "__main__":
    main()
