"""Many chains on many nodes, on paper: how long a run takes, and what it loses to nodes that come and go.

``python benchmarks/scale.py RUN [--chains 10000] [--nodes 8 64 512] [--life 4] [--commit 0.02]`` takes the seconds of the
generations of a run folder or an entry, repeats its chains up to so many, and prints a line for each number of nodes.
`simulate` is what it runs: the executor's own `Schedule` says which chain goes next, a chain that lost its node goes on from its
last committed generation, and one process commits, one generation after the other. It is held against closed forms by
``tests/runner/test_scale.py``, and against a real cluster by ``benchmarks/scale_ray.py``.
"""

import argparse
import heapq
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, cycle, islice
from pathlib import Path

import numpy as np

from fortifai.records.entry_file import read_entry
from fortifai.records.numbers import RunNumbers
from fortifai.records.run_numbers import numbers_of
from fortifai.runner.cluster.ray_executor import LOST_IN_A_ROW
from fortifai.runner.messages import GenerationFinished, RunChain, TaskDone, TaskFailed
from fortifai.runner.schedule import Schedule

HOUR = 3600.0


@dataclass(frozen=True)
class Work:
    """A chain: the seconds of each of its generations, and the generation 0 that others begin with too."""

    seconds: Sequence[float]
    begins_with: str | None = None


def forever(node: int) -> Iterator[float]:
    """Yield the life of a node that is never lost."""
    yield math.inf


def exponential(mean: float, seed: int = 0) -> Callable[[int], Iterator[float]]:
    """Return what yields the seconds that each node lives, each time it is there again: as of losses that do not age."""

    def lives(node: int) -> Iterator[float]:
        rng = np.random.default_rng((seed, node))
        while True:
            yield float(rng.exponential(mean))

    return lives


@dataclass(frozen=True)
class Cluster:
    """What chains run on.

    Attributes:
        nodes: How many.
        slots: Chains that each runs at once.
        lives: Yields the seconds that a node, by its number, lives, each time it is there again.
        away: Seconds until a node that was lost is there again.
        notice: Seconds until the driver knows that one was lost.
        begin: Seconds that a chain takes to begin on a node, each time.
        commit: Seconds of the driver, which commits one generation at a time.
        gives_up: How often in a row a chain may lose its node before it fails.
    """

    nodes: int
    slots: int = 1
    lives: Callable[[int], Iterator[float]] = forever
    away: float = 0.0
    notice: float = 0.0
    begin: float = 0.0
    commit: float = 0.0
    gives_up: float = LOST_IN_A_ROW


@dataclass
class Outcome:
    """How a run went: seconds of the clock; those of committed generations, and of work that was lost; and what was lost."""

    seconds: float = 0.0
    worked: float = 0.0
    wasted: float = 0.0
    losses: int = 0
    failed: int = 0
    commits: int = 0


@dataclass
class _Chain:
    finished: int = 0
    attempt: int = 0
    node: int = -1
    since: float = 0.0
    lost_in_a_row: int = 0


@dataclass
class _Node:
    lives: Iterator[float]
    free: int = 0
    at: set[int] = field(default_factory=set)


def simulate(work: Sequence[Work], cluster: Cluster) -> Outcome:
    """Return how a run of these chains goes, in this order where nothing keeps them from it."""
    schedule = Schedule([RunChain.model_construct(begins_with=one.begins_with) for one in work])
    chains, nodes = [_Chain() for _ in work], [_Node(cluster.lives(place)) for place in range(cluster.nodes)]
    again: deque[int] = deque()
    told, order = Outcome(), count()
    heap: list[tuple[float, int, Callable[[], None]]] = []
    now, driver_free, left = 0.0, 0.0, len(work)

    def at(seconds: float, act: Callable[[], None]) -> None:
        if math.isfinite(seconds):
            heapq.heappush(heap, (seconds, next(order), act))

    def arrive(place: int) -> None:
        nodes[place].free = cluster.slots
        at(now + next(nodes[place].lives), lambda: lose(place))

    def lose(place: int) -> None:
        for chain in sorted(nodes[place].at):
            state = chains[chain]
            told.losses, told.wasted = told.losses + 1, told.wasted + now - state.since
            state.attempt, state.lost_in_a_row = state.attempt + 1, state.lost_in_a_row + 1
            if state.lost_in_a_row >= cluster.gives_up:
                end(chain, failed=True)
            else:
                at(now + cluster.notice, lambda chain=chain: again.append(chain))  # type: ignore[misc]
        nodes[place].at.clear()
        nodes[place].free = 0
        at(now + cluster.away, lambda: arrive(place))

    def start(chain: int, place: int) -> None:
        chains[chain].node = place
        nodes[place].free -= 1
        nodes[place].at.add(chain)
        compute(chain, cluster.begin)

    def compute(chain: int, before: float) -> None:
        state = chains[chain]
        state.since, attempt = now, state.attempt
        at(now + before + work[chain].seconds[state.finished], lambda: send(chain, attempt))

    def send(chain: int, attempt: int) -> None:
        nonlocal driver_free
        if attempt == chains[chain].attempt:
            driver_free = max(now, driver_free) + cluster.commit
            at(driver_free, lambda: commit(chain, attempt))

    def commit(chain: int, attempt: int) -> None:
        state = chains[chain]
        if attempt != state.attempt:
            return  # what was on its way is lost with the node
        told.commits, told.worked = told.commits + 1, told.worked + work[chain].seconds[state.finished]
        state.finished, state.lost_in_a_row = state.finished + 1, 0
        schedule.note(chain, GenerationFinished(generation=state.finished - 1, status="ok"))
        if state.finished < len(work[chain].seconds):
            compute(chain, 0.0)
            return
        nodes[state.node].free += 1
        nodes[state.node].at.discard(chain)
        end(chain, failed=False)

    def end(chain: int, *, failed: bool) -> None:
        nonlocal left
        left, told.failed, told.seconds = left - 1, told.failed + failed, now
        schedule.note(chain, TaskFailed(reason="its nodes were lost") if failed else TaskDone())

    for place in range(cluster.nodes):
        at(0.0, lambda place=place: arrive(place))  # type: ignore[misc]
    while left:
        now, _, act = heapq.heappop(heap)
        act()
        if heap and heap[0][0] == now:
            continue  # all that happens at this moment comes before what may begin
        while (place := max(range(cluster.nodes), key=lambda one: nodes[one].free)) >= 0 and nodes[place].free:
            taken = again.popleft() if again else schedule.take()
            if taken is None:
                break
            start(taken, place)
    return told


def work_of(numbers: RunNumbers, chains: int) -> list[Work]:
    """Return the chains of a run by what they took, over and over up to so many; each time with generations 0 of their own."""
    shared = {one.key: sum(one.seconds.values()) for one in numbers.generations_0}
    measured = []
    for chain in numbers.chains:
        columns = chain.generations
        seconds = [sum(column[generation] or 0.0 for column in columns.seconds.values()) for generation in range(len(columns))]
        if seconds:
            measured.append((seconds, chain.generation_0))
    made: set[str] = set()
    repeated = []
    for place, (seconds, key) in enumerate(islice(cycle(measured), chains)):
        name = None if key is None else f"{key}-{place // len(measured)}"
        begins = seconds if name is None or name in made else [seconds[0] + shared.get(str(key), 0.0), *seconds[1:]]
        made |= {name} if name else set()
        repeated.append(Work(begins, name))
    return repeated


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--chains", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, nargs="+", default=[8, 64, 512])
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--life", type=float, help="mean hours until a node is lost; default: never")
    parser.add_argument("--away", type=float, default=60.0, help="seconds until it is there again")
    parser.add_argument("--begin", type=float, default=10.0, help="seconds that a chain takes to begin on a node")
    parser.add_argument("--commit", type=float, default=0.0, help="seconds of the driver for each generation")
    options = parser.parse_args()
    numbers = numbers_of(options.run) if options.run.is_dir() else read_entry(options.run).numbers
    work = work_of(numbers, options.chains)
    total = sum(sum(one.seconds) for one in work)
    print(f"{len(work)} chains, {sum(len(one.seconds) for one in work)} generations, {total / HOUR:.1f} hours of one core")
    lives = forever if options.life is None else exponential(options.life * HOUR)
    for nodes in options.nodes:
        cluster = Cluster(nodes, options.slots, lives, options.away, 2.0, options.begin, options.commit)
        told = simulate(work, cluster)
        busy = total / (nodes * options.slots * told.seconds)
        lost = f"{told.losses} losses cost {told.wasted / HOUR:.2f} h, {told.failed} chains failed"
        driver = told.commits * options.commit / told.seconds
        print(
            f"{nodes:5} nodes: {told.seconds / HOUR:7.2f} h, at work {busy:4.0%}, {lost}, driver busy {driver:4.0%}", flush=True
        )


if __name__ == "__main__":
    main()
