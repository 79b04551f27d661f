"""Which chains of a suite to run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from fortifai.errors import UserError
from fortifai.records.reading import ChainState, Progress


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
