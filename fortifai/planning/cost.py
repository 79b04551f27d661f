"""What is left of a plan, and what it costs: seconds, bytes on disk, and bytes of memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np

from fortifai.planning.chains import ChainStatus
from fortifai.planning.facts import Facts
from fortifai.planning.plan import Done, Measured, Plan
from fortifai.planning.suite import Regime
from fortifai.recursion import strategies
from fortifai.recursion.strategies import Strategy

PROCESS_BYTES = 720 * 2**20
"""Resident memory of a worker with torch, scikit-learn, pandas and a table loaded, before its first fit (measured: 710 MiB)."""

WORKING_COPIES = 30
"""Copies of the training set and of the model that a fit holds at its peak (measured: 28, a mixture of 5 on 91,500 rows)."""

DRAWN_COPIES = 3
"""Copies of further sets of samples (`Modality.draws`), through which a fit goes one at a time: as they were read, joined, and as
those that the generation draws itself."""

RECORD_BYTES = 2048
"""Bytes of one generation's record (about)."""

CHAINS_ALIKE = 1024
"""Kinds of chains whose sizes are added up once: 10,000 seeds of a strategy are one kind, and may have 100,000 generations."""


Basis = Literal["measured", "probed", "declared"]
"""What seconds are known by: what has run of a regime, a trial of some seconds on this machine, or the suite file."""


@dataclass(frozen=True)
class Cost:
    """What is left to do.

    Attributes:
        seconds: Wall-clock seconds with the workers that were asked for.
        disk_bytes: Bytes that finished chains leave on disk; None where they depend on data or a model that is missing here, or
            on models of which no adapter says how large they are, and none is kept yet.
        memory_bytes: Bytes of memory at the peak; None likewise.
        gpu_seconds: How much of the seconds is that of regimes that need a GPU, which workers share rather than multiply.
        generations_0: How often generation 0 is fitted.
        sharing: For how many chains that is.
        core_seconds: Seconds of one core that is left of regimes that need no GPU, whatever the number of workers.
        basis: By regime, what the seconds of its generations are known by.
    """

    seconds: float
    disk_bytes: int | None
    memory_bytes: int | None
    gpu_seconds: float = 0.0
    generations_0: int = 0
    sharing: int = 0
    core_seconds: float = 0.0
    basis: Mapping[str, Basis] = field(default_factory=dict)


@dataclass(frozen=True)
class Speed:
    """Seconds of a generation on one core, or GPU: a fixed part and a part for each training sample; generation 0 on its own."""

    fixed: float
    per_sample: float
    first: float | None = None
    """Seconds of generation 0; None: as of any other of its size."""

    def of_first(self, n: int) -> float:
        """Return the seconds of generation 0, of n samples."""
        return self.fixed + self.per_sample * n if self.first is None else self.first


@dataclass(frozen=True)
class _Bytes:
    """Sizes in memory of a regime's training pool, one of its samples, and a model; and the sets of samples that one makes."""

    pool: float
    sample: float
    model: float
    draws: int


NO_SPEEDS: Mapping[str, Speed] = {}
"""Nothing was tried out."""


def estimate(plan: Plan, done: Done, *, workers: int = 1, keep: str = "last", probed: Mapping[str, Speed] = NO_SPEEDS) -> Cost:
    """Estimate what is left of a plan.

    Args:
        plan: The chains.
        done: What of them is done, and how long it took.
        workers: Processes.
        keep: What stays of the generations on disk, as `fortifai run --keep` has it.
        probed: By regime, what its generations take by a trial of some seconds.
    """
    by_regime: dict[str, list[ChainStatus]] = {}
    for status in plan.statuses(done):
        by_regime.setdefault(status.chain.regime, []).append(status)
    seconds, gpu_seconds, disk, memory = 0.0, 0.0, 0.0, 0.0
    fits, sharing = 0, 0
    basis: dict[str, Basis] = {}
    sizes_known = True
    for name, statuses in by_regime.items():
        regime = plan.suite.regime(name)
        shared = plan.generations_0(statuses)
        missing = sum(not done.has_generation_0(key) for key in shared)
        fits, sharing = fits + missing, sharing + shared.total()
        measured = done.measured(name)
        basis[name] = "measured" if measured else "probed" if name in probed else "declared"
        pace = speed(regime, measured, probed.get(name))
        cost = missing * pace.of_first(statuses[0].chain.n) + _seconds_left(statuses, pace)
        seconds += 0 if regime.gpu else cost
        gpu_seconds += cost if regime.gpu else 0
        size = _bytes_of(name, plan.facts[name], done)
        if size is None:
            sizes_known = False
            continue
        disk += sum(_disk(keep, status, size) for status in statuses if not status.is_over)
        disk += 0 if keep == "none" else missing * (statuses[0].chain.n * size.draws * size.sample + size.model)
        memory = max(memory, *(_memory(status, size) for status in statuses))
    busy = max(1, min(workers, len(plan.chains)))
    return Cost(
        round(seconds / busy + gpu_seconds, 3),
        round(disk) if sizes_known else None,
        busy * round(memory) if sizes_known else None,
        round(gpu_seconds, 3),
        fits,
        sharing,
        round(seconds, 3),
        basis,
    )


@lru_cache(maxsize=CHAINS_ALIKE)
def chain_seconds(strategy: Strategy, n: int, generations: range, fixed: float, per_sample: float) -> float:
    """Return the seconds of one core, or GPU, that these generations of a chain take.

    Args:
        strategy: How training sets are composed, which decides their sizes.
        n: Samples of generation 0's training set.
        generations: Which generations.
        fixed: Seconds of a generation, whatever its size.
        per_sample: Seconds on top for each training sample.
    """
    return sum(fixed + per_sample * strategy.training_size(n, generation) for generation in generations)


def speed(regime: Regime, measured: Sequence[Measured], probed: Speed | None = None) -> Speed:
    """Return the seconds of a generation as a fixed part and a part for each training sample.

    By what was measured, as a line through it where sizes differ; before anything was, by a probe; without one, by what the
    suite file declares. Generation 0, which may take more passes than the others and is fitted once for many chains, is averaged
    on its own.

    Args:
        regime: Whose generations.
        measured: What every generation took that was run.
        probed: What a trial of some seconds told; None: there was none.
    """
    firsts = [one.seconds for one in measured if one.generation == 0]
    first = float(np.mean(firsts)) if firsts else None
    later = [(one.size, one.seconds) for one in measured if one.generation > 0] or [(one.size, one.seconds) for one in measured]
    if not later:
        return probed or Speed(regime.seconds_per_generation, regime.seconds_per_sample)
    sizes, seconds = np.array(later).T
    slope = regime.seconds_per_sample if np.ptp(sizes) == 0 else max(float(np.polyfit(sizes, seconds, 1)[0]), 0.0)
    return Speed(max(float(seconds.mean() - slope * sizes.mean()), 0.0), slope, first)


def _seconds_left(statuses: Sequence[ChainStatus], pace: Speed) -> float:
    """Return the seconds of what is left of chains, their generations 0 aside."""
    return sum(
        chain_seconds(
            strategies.resolve(status.chain.strategy),
            status.chain.n,
            range(max(status.finished, 1), status.chain.horizon + 1),
            pace.fixed,
            pace.per_sample,
        )
        for status in statuses
        if not status.is_over
    )


def _bytes_of(regime: str, facts: Facts | None, done: Done) -> _Bytes | None:
    """Return a regime's sizes: a model's as the adapter says, or as one that is kept has; None while neither is known."""
    if facts is None:
        return None
    model = done.model_bytes(regime) if facts.model_bytes is None else facts.model_bytes
    if model is None:
        return None
    return _Bytes(facts.pool_bytes, facts.pool_bytes / facts.pool, model, facts.draws)


def _memory(status: ChainStatus, size: _Bytes) -> float:
    chain, strategy = status.chain, strategies.resolve(status.chain.strategy)
    largest = _largest_training_set(strategy, chain.n, chain.horizon)
    more = DRAWN_COPIES * (_draws(strategy, size) - 1) * largest * size.sample
    return PROCESS_BYTES + size.pool + WORKING_COPIES * (largest * size.sample + size.model) + more


def _disk(keep: str, status: ChainStatus, size: _Bytes) -> float:
    """Bytes that a finished chain leaves, its records included."""
    chain, strategy, generations = status.chain, strategies.resolve(status.chain.strategy), status.chain.horizon + 1
    every, last = _samples_made(strategy, chain.n, chain.horizon)
    samples = every if keep in ("all", "samples") or strategy.remembers_all else last
    models = size.model * (generations if keep == "all" else 1)
    drawn = samples * _draws(strategy, size) * size.sample
    return (0 if keep == "none" else drawn + models) + RECORD_BYTES * generations


def _draws(strategy: Strategy, size: _Bytes) -> int:
    return size.draws if strategy.recursive else 1


@lru_cache(maxsize=CHAINS_ALIKE)
def _largest_training_set(strategy: Strategy, n: int, horizon: int) -> int:
    return max(strategy.training_size(n, generation) for generation in range(horizon + 1))


@lru_cache(maxsize=CHAINS_ALIKE)
def _samples_made(strategy: Strategy, n: int, horizon: int) -> tuple[int, int]:
    """Return how many samples all generations of a chain make together, and how many the last one does."""
    sizes = [strategy.makes(n, generation) for generation in range(horizon + 1)]
    return sum(sizes), sizes[-1]
