"""A plan: the chains of a selection, made once, with what they need that not every machine has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from fortifai import needs
from fortifai.needs import Need
from fortifai.planning.chains import ChainStatus, PlannedChain, Selection, chains_of
from fortifai.planning.loading import Adapters, adapter_needs, needs_of, require_runnable
from fortifai.planning.suite import Suite
from fortifai.records.reading import Progress

if TYPE_CHECKING:
    from fortifai.contract.modality import AnyModality


class Done(Protocol):
    """What is done already: a run folder answers it."""

    def progress(self, chain_id: str, horizon: int) -> Progress:
        """Return where a chain stands on its way to a horizon."""

    def measured(self, regime: str) -> list[tuple[int, float]]:
        """Return the training size and the seconds of every generation that a regime has run."""


@dataclass(frozen=True)
class Plan:
    """The chains of a selection, in the order in which they are run.

    Attributes:
        suite: Whose chains they are.
        chains: Seed by seed, so that a run that is stopped early has whole comparisons and not one objective's chains alone.
        needs: What they need that not every machine has.
        adapters: By regime, the adapter bound to its data; None where something is missing on this machine.
    """

    suite: Suite
    chains: tuple[PlannedChain, ...]
    needs: tuple[Need, ...] = ()
    adapters: "Mapping[str, AnyModality | None]" = field(default_factory=dict, compare=False, repr=False)

    def statuses(self, done: Done) -> list[ChainStatus]:
        """Return where every chain stands, in order."""
        return [_status(chain, done) for chain in self.chains]

    def remaining(self, done: Done) -> list[ChainStatus]:
        """Return the chains that have something left to do, in order."""
        return [status for status in self.statuses(done) if not status.is_over]

    def require_needs(self) -> None:
        """Raise UserError that lists everything that is missing on this machine."""
        needs.require(self.needs, f"suite {self.suite.name}")


def make_plan(suite: Suite, selection: Selection) -> Plan:
    """List the chains of a suite.

    Loads the real data, whose hash is part of every chain's identity; where it is missing on this machine, the chains are
    listed without ids.

    Args:
        suite: Whose chains.
        selection: Which of them.

    Raises:
        UserError: A name is unknown, or a size is one that the data or the model cannot serve.
    """
    regimes = [suite.regime(name) for name in dict.fromkeys(selection.regimes)] or list(suite.regimes)
    bound = Adapters()
    adapters: dict[str, AnyModality | None] = {}
    chains: list[PlannedChain] = []
    required: dict[Need, None] = {}
    for regime in regimes:
        required.update(dict.fromkeys(needs_of(regime)))
        absent = any(need.missing is not None for need in adapter_needs(regime))
        adapter = adapters[regime.name] = None if absent else bound.bind(regime)
        planned = list(chains_of(regime, adapter, selection))
        if adapter is not None:
            require_runnable(regime, adapter, ((chain.strategy, chain.horizon) for chain in planned))
        chains += planned
    order = {regime.name: place for place, regime in enumerate(regimes)}
    chains.sort(key=lambda chain: (chain.seed, order[chain.regime]))
    return Plan(suite, tuple(chains), tuple(required), adapters)


def _status(chain: PlannedChain, done: Done) -> ChainStatus:
    if chain.id is None:
        return ChainStatus(chain, "unavailable")
    progress = done.progress(chain.id, chain.horizon)
    return ChainStatus(chain, progress.state, progress.finished)
