"""From a suite to the list of its chains, with identities, what is done already, and what the rest will cost."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from fortifai import needs
from fortifai.contract.modality import Modality
from fortifai.contract.samples import Splits
from fortifai.errors import UserError
from fortifai.needs import Need
from fortifai.planning.chains import Done, PlannedChain, Selection
from fortifai.planning.cost import Cost, _cost
from fortifai.planning.identity import chain_id, chain_identity
from fortifai.planning.loading import _load, _own_needs, load_regime, needs_of
from fortifai.planning.suite import Regime, Suite, canonical_objectives, canonical_strategies
from fortifai.recursion import strategies


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
