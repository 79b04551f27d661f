"""Which chains of a suite there are, and where each stands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from fortifai.code_files import admit
from fortifai.errors import UserError
from fortifai.limits import EXPLORE_FROM, MOST_GENERATIONS, MOST_SEEDS, require_count
from fortifai.planning.facts import Facts
from fortifai.planning.identity import chain_id, chain_identity
from fortifai.planning.suite import Regime, canonical_objectives, canonical_strategies
from fortifai.records.reading import ChainState
from fortifai.recursion import strategies


@dataclass(frozen=True)
class Selection:
    """Which part of a suite to run; None and empty mean what the suite says. The baseline is always part of it."""

    seeds: int | None = None
    generations: int | None = None
    objectives: Sequence[str] = ()
    strategies: Sequence[str] = ()
    regimes: Sequence[str] = ()

    @classmethod
    def of_user(
        cls,
        seeds: int | None = None,
        generations: int | None = None,
        objectives: Sequence[str] = (),
        strategies: Sequence[str] = (),
        regimes: Sequence[str] = (),
    ) -> Self:
        """Return a selection by names as a user writes them: files that they refer to, as in ``./mine.py:Softer``, are run.

        Raises:
            UserError: Such a file cannot be run, or there are more seeds or generations than there can be.
        """
        return cls(seeds, generations, [*map(admit, objectives)], [*map(admit, strategies)], tuple(regimes))

    def __post_init__(self) -> None:
        for name, value, most in (("seeds", self.seeds, MOST_SEEDS), ("generations", self.generations, MOST_GENERATIONS)):
            if value is not None:
                require_count(name, value, most)


class PlannedChain(BaseModel):
    """One chain to run. Workers are sent it as JSON.

    Attributes:
        id: The hash of all that decides its numbers, which names its folder; None where the regime's data or model is missing
            on this machine, so that the chain cannot be identified.
        data_hash: The hash of the real data; None likewise.
        horizon: The last generation to run.
        n: Samples of generation 0's training set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | None
    regime: str
    strategy: str
    objective: str
    seed: int
    horizon: int
    n: int
    data_hash: str | None

    def identity(self) -> tuple[str, str]:
        """Return id and data hash. Raises UserError where they are missing."""
        if self.id is None or self.data_hash is None:
            raise UserError(f"{self}: its data or model is missing on this machine, so that it cannot be identified")
        return self.id, self.data_hash

    def __str__(self) -> str:
        return f"{self.regime} {self.strategy} {self.objective} seed {self.seed}"


@dataclass(frozen=True)
class ChainStatus:
    """Where a planned chain stands: its state, and how many generations are recorded."""

    chain: PlannedChain
    state: ChainState | Literal["unavailable"]
    finished: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.state in ("done", "diverged")


def horizons_of(regime: Regime, selection: Selection) -> dict[str, int]:
    """Return the last generation to run of every strategy that is selected, by canonical name.

    Raises:
        UserError: A strategy is unknown.
    """
    chosen = canonical_strategies(tuple(selection.strategies)) or regime.strategies
    return {name: strategies.resolve(name).horizon(selection.generations or regime.generations) for name in chosen}


def chains_of(regime: Regime, facts: Facts | None, selection: Selection, *, explore: bool = False) -> Iterator[PlannedChain]:
    """Yield a regime's chains, seed by seed.

    Args:
        regime: Whose chains.
        facts: Of the regime's data; None where something is missing on this machine: the chains have no ids then.
        selection: Which of them.
        explore: Whether by the seeds that settings are chosen on.

    Raises:
        UserError: An objective or strategy is unknown.
    """
    objectives = regime.objectives
    if selection.objectives:
        objectives = canonical_objectives(tuple(selection.objectives), regime.modality, regime.start)
    data_hash = None if facts is None else facts.data_hash
    n = regime.size(None if facts is None else facts.pool)
    first, count = (EXPLORE_FROM, regime.explore_seeds) if explore else (0, regime.seeds)
    seeds = selection.seeds or count
    horizons = horizons_of(regime, selection)
    for seed in range(first, first + seeds):
        for strategy in (name for name in horizons if seed - first < regime.seeds_of(name, seeds)):
            for objective in objectives:
                identified = data_hash and chain_id(chain_identity(regime, strategy, objective, seed, data_hash))
                yield PlannedChain(
                    id=identified,
                    regime=regime.name,
                    strategy=strategy,
                    objective=objective,
                    seed=seed,
                    horizon=horizons[strategy],
                    n=n,
                    data_hash=data_hash,
                )
