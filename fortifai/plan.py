"""From a suite to the list of its chains, with identities, what is done already, and what the rest will cost."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal, Protocol

import numpy as np

from fortifai import needs, strategies
from fortifai.config import Frozen, ModelConfig
from fortifai.declaration import modalities
from fortifai.errors import UserError
from fortifai.modality import Modality, Splits
from fortifai.needs import Need
from fortifai.objectives import resolve as resolve_objective
from fortifai.protocol import PROTOCOL_VERSION, Chain
from fortifai.results.chains import ChainState, Progress
from fortifai.suite import Regime, Suite, canonical_objectives, canonical_strategies

PROCESS_BYTES = 720 * 2**20
"""Resident memory of a worker with torch, scikit-learn, pandas and a table loaded, before its first fit (measured: 710 MiB)."""

WORKING_COPIES = 30
"""Copies of the training set and of the model that a fit holds at its peak (measured: 28, a mixture of 5 on 91,500 rows)."""


@dataclass(frozen=True)
class Selection:
    """Which part of a suite to run; None and empty mean what the suite says. The baseline is always part of it."""

    seeds: int | None = None
    generations: int | None = None
    objectives: Sequence[str] = ()
    strategies: Sequence[str] = ()
    regimes: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name, value in (("seeds", self.seeds), ("generations", self.generations)):
            if value is not None and value < 1:
                raise UserError(f"--{name} {value}: must be at least 1")


@dataclass(frozen=True)
class PlannedChain:
    """One chain to run, and where it stands. ``finished``: generations that are recorded already.

    Where the regime's data or model is missing on this machine, the chain cannot be identified: its state is "unavailable", and
    ``id`` and ``data_hash`` are empty.
    """

    id: str
    regime: str
    strategy: str
    objective: str
    seed: int
    horizon: int
    n: int
    data_hash: str
    state: ChainState | Literal["unavailable"] = "pending"
    finished: int = 0


class Done(Protocol):
    """What is done already: a run folder answers it."""

    def progress(self, chain_id: str, horizon: int) -> Progress:
        """Tell where a chain stands."""

    def measured(self, regime: str) -> list[tuple[int, float]]:
        """Give the training size and the seconds of every generation that a regime has run."""


@dataclass(frozen=True)
class Cost:
    """What is left to do: wall-clock seconds with the given workers, bytes on disk, bytes of memory at the peak.

    Bytes are None where they depend on data or a model that is missing here. ``gpu_seconds``: how much of the seconds is that of
    regimes that need a GPU, which workers share rather than multiply.
    """

    seconds: float
    disk_bytes: int | None
    memory_bytes: int | None
    gpu_seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    """The chains of a selection, in the order in which they are run, and what they need that not every machine has."""

    suite: Suite
    chains: tuple[PlannedChain, ...]
    estimate: Cost = field(compare=False)
    needs: tuple[Need, ...] = ()

    def left(self) -> list[PlannedChain]:
        """The chains that have something left to do."""
        return [chain for chain in self.chains if chain.state not in ("done", "diverged")]

    def require(self) -> None:
        """Raise UserError that lists everything that is missing on this machine to run what is left."""
        if self.left():
            needs.require(self.needs, f"suite {self.suite.name}")


def make_plan(suite: Suite, selection: Selection, done: Done, *, workers: int = 1, keep: str = "last") -> Plan:
    """List the chains of a suite, with what is done and what the rest costs.

    Loads the real data, whose hash is part of every chain's identity; where it is missing on this machine, the chains are listed
    without ids. Raises UserError for an unknown name, and for a size that the data or the model cannot serve.
    """
    _load.cache_clear()  # a user's file may be another one since the last plan of this process
    chosen = [suite.regime(name) for name in dict.fromkeys(selection.regimes)] or list(suite.regimes)
    chains: list[PlannedChain] = []
    found: dict[Need, None] = {}
    seconds, gpu_seconds, disk, memory = 0.0, 0.0, 0.0, 0
    sizes_known = True
    for regime in chosen:
        regime_needs = needs_of(regime)
        found.update(dict.fromkeys(regime_needs))
        absent = any(need.missing is not None for need in _own_needs(regime))
        loaded = None if absent else load_regime(regime)
        planned = [_with_progress(chain, done) for chain in _chains(regime, loaded, selection)]
        if loaded is not None:
            _check(regime, planned, *loaded)
        chains += planned
        cost = _cost(regime, planned, loaded, done, keep)
        seconds += 0 if regime.gpu else cost.seconds
        gpu_seconds += cost.seconds if regime.gpu else 0
        if cost.disk_bytes is None or cost.memory_bytes is None:
            sizes_known = False
        else:
            disk, memory = disk + cost.disk_bytes, max(memory, cost.memory_bytes)
    busy = max(1, min(workers, len(chains)))
    # Seed by seed, so that a run that is stopped early has whole comparisons and not one objective's chains alone.
    order = {regime.name: i for i, regime in enumerate(chosen)}
    chains.sort(key=lambda chain: (chain.seed, order[chain.regime]))
    estimate = Cost(
        round(seconds / busy + gpu_seconds, 3),
        round(disk) if sizes_known else None,
        busy * memory if sizes_known else None,
        round(gpu_seconds, 3),
    )
    return Plan(suite, tuple(chains), estimate, tuple(found))


def needs_of(regime: Regime) -> tuple[Need, ...]:
    """Give what a regime needs that not every machine has, what is missing on this one included."""
    return (*((needs.gpu(),) if regime.gpu else ()), *_own_needs(regime))


def _own_needs(regime: Regime) -> Sequence[Need]:
    """Give what the adapter needs, without which a chain cannot even be identified."""
    return modalities.get(regime.modality).build(regime.model).needs(regime.data)


def _cost(
    regime: Regime, planned: Sequence[PlannedChain], loaded: tuple[Modality[Any], Splits] | None, done: Done, keep: str
) -> Cost:
    """Give what is left of one regime, of one worker."""
    fixed, per_sample = speed(regime, done.measured(regime.name))
    seconds, disk, memory = 0.0, 0.0, 0
    sample_bytes = model_bytes = pool_bytes = 0.0
    if loaded is not None:
        modality, splits = loaded
        pool_bytes = splits.train.nbytes()
        sample_bytes, model_bytes = pool_bytes / len(splits.train), modality.model_bytes(splits)
    for chain in planned:
        strategy = strategies.resolve(chain.strategy)
        sizes = [strategy.training_size(chain.n, g) for g in range(chain.horizon + 1)]
        if chain.state not in ("done", "diverged"):
            seconds += sum(fixed + per_sample * size for size in sizes[chain.finished :])
            disk += _disk(keep, strategy, chain.n, len(sizes), sample_bytes, model_bytes)
        peak = PROCESS_BYTES + pool_bytes + WORKING_COPIES * (max(sizes) * sample_bytes + model_bytes)
        memory = max(memory, round(peak))
    return Cost(seconds, None if loaded is None else round(disk), None if loaded is None else memory)


def chain_of(suite: Suite, planned: PlannedChain) -> Chain:
    """Give the runnable chain that a plan lists.

    Raises UserError when its data is not what it was when it was planned, and when this machine lacks what it needs.
    """
    regime = suite.regime(planned.regime)
    needs.require(needs_of(regime), f"regime {regime.name}")
    modality, splits = load_regime(regime)
    if splits.data_hash() != planned.data_hash:
        raise UserError(f"the data of regime {regime.name!r} has changed since the run was started; run it again")
    return Chain(
        modality=modality,
        splits=splits,
        sampling=regime.sampling,
        n=planned.n,
        start=regime.start,
        metrics=tuple(regime.metric(name) for name in regime.metrics),
        fidelity_metric=regime.fidelity_metric,
        strategy=strategies.resolve(planned.strategy),
        objective=resolve_objective(planned.objective),
        seed=planned.seed,
    )


def chain_identity(regime: Regime, strategy: str, objective: str, seed: int, data_hash: str) -> dict[str, Any]:
    """Give all that decides the numbers of a chain, as JSON values; the chain id is its hash."""
    return {
        "protocol": PROTOCOL_VERSION,
        "adapter": modalities.get(regime.modality).version,
        "regime": regime.identity(),
        "strategy": strategy,
        "objective": objective,
        "seed": seed,
        "data_hash": data_hash,
    }


def chain_id(identity: Mapping[str, Any]) -> str:
    """Hash an identity: 16 hexadecimal digits, which name the chain's folder."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def load_regime(regime: Regime) -> tuple[Modality[Any], Splits]:
    """Build a regime's adapter and load its data, once a process. Raises UserError when they do not fit together."""
    modality, splits = _load(regime.modality, regime.model, regime.data)
    modality.check(regime.size(len(splits.train)), splits)
    return modality, splits


@cache
def _load(modality: str, model: ModelConfig, data: Frozen) -> tuple[Modality[Any], Splits]:
    adapter = modalities.get(modality).build(model)
    return adapter, adapter.load(data)


def _check(regime: Regime, planned: Iterable[PlannedChain], modality: Modality[Any], splits: Splits) -> None:
    """Raise UserError for what every chain would fail of.

    A metric that needs more samples, or has nothing to go by; a strategy that draws too many.
    """
    pool = len(splits.train)
    n = regime.size(pool)
    for metric in map(regime.metric, regime.metrics):
        metric.require(modality)
        if "synthetic" in metric.needs and n < metric.least_n:
            remedy = "raise n, or name the metrics to measure without it"
            raise UserError(f"n = {n} samples are too few for metric {metric.name!r}, which needs {metric.least_n}: {remedy}")
    for name, horizon in {chain.strategy: chain.horizon for chain in planned}.items():
        strategy = strategies.resolve(name)
        if (drawn := max(strategy.fresh(n, generation) for generation in range(horizon + 1))) > pool:
            raise UserError(f"strategy {name!r} asks for {drawn} real samples a generation, and the training pool has {pool}")


def speed(regime: Regime, measured: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Give the seconds of a generation as a fixed part and a part for each training sample.

    From what was measured, as a line through it where sizes differ; before anything was, from what the suite file declares.
    """
    if not measured:
        return regime.seconds_per_generation, regime.seconds_per_sample
    sizes, seconds = np.array(measured).T
    if np.ptp(sizes) == 0:
        return max(float(seconds.mean()) - regime.seconds_per_sample * float(sizes[0]), 0.0), regime.seconds_per_sample
    slope = max(float(np.polyfit(sizes, seconds, 1)[0]), 0.0)
    return max(float(seconds.mean() - slope * sizes.mean()), 0.0), slope


def _chains(regime: Regime, loaded: tuple[Modality[Any], Splits] | None, selection: Selection) -> Iterable[PlannedChain]:
    named_objectives = regime.objectives
    if selection.objectives:
        named_objectives = canonical_objectives(tuple(selection.objectives), regime.modality)
    named_strategies = canonical_strategies(tuple(selection.strategies)) or regime.strategies
    data_hash = "" if loaded is None else loaded[1].data_hash()
    n = regime.size(None if loaded is None else len(loaded[1].train))
    for seed in range(selection.seeds or regime.seeds):
        for strategy in named_strategies:
            horizon = selection.generations or regime.generations
            last = strategies.resolve(strategy).last_generation
            for objective in named_objectives:
                identity = chain_identity(regime, strategy, objective, seed, data_hash)
                yield PlannedChain(
                    chain_id(identity) if loaded is not None else "",
                    regime.name,
                    strategy,
                    objective,
                    seed,
                    horizon if last is None else min(horizon, last),
                    n,
                    data_hash,
                    "pending" if loaded is not None else "unavailable",
                )


def _with_progress(chain: PlannedChain, done: Done) -> PlannedChain:
    if chain.state == "unavailable":
        return chain
    progress = done.progress(chain.id, chain.horizon)
    return replace(chain, state=progress.state, finished=progress.finished)


def _disk(keep: str, strategy: strategies.Strategy, n: int, generations: int, sample_bytes: float, model_bytes: float) -> float:
    """Bytes that a finished chain leaves, records included (about 2 kB a generation)."""
    made = [strategy.makes(n, generation) for generation in range(generations)]
    samples = sum(made) if keep in ("all", "samples") or strategy.remembers_all else made[-1]
    models = model_bytes * (generations if keep == "all" else 1)
    return (0 if keep == "none" else samples * sample_bytes + models) + 2048 * generations
