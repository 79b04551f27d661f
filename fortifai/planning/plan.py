"""A plan: the chains of a selection, made once, with what they need that not every machine has."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from fortifai import needs
from fortifai.code_files import CodeFile, used_by
from fortifai.contract.declaration import modalities
from fortifai.errors import UserError
from fortifai.needs import Need
from fortifai.planning.chains import ChainStatus, PlannedChain, Selection, chains_of, horizons_of
from fortifai.planning.facts import Facts, RememberedFacts, facts_of
from fortifai.planning.identity import generation_0_identity
from fortifai.planning.loading import Adapters, adapter_needs, needs_of, require_runnable
from fortifai.planning.suite import Regime, Suite
from fortifai.records.hashing import identity_hash
from fortifai.records.reading import Progress
from fortifai.recursion import strategies


class Measured(NamedTuple):
    """What a generation took: its number, the size of its training set, and seconds."""

    generation: int
    size: int
    seconds: float


class Done(Protocol):
    """What is done already: a run folder answers it."""

    def progress(self, chain_id: str, horizon: int) -> Progress:
        """Return where a chain stands on its way to a horizon."""

    def measured(self, regime: str) -> Sequence[Measured]:
        """Return what every generation took that a regime has run; one that chains share, once."""

    def model_bytes(self, regime: str) -> int | None:
        """Return the bytes of the largest model that is kept of a regime; None: none is."""

    def has_generation_0(self, key: str) -> bool:
        """Return whether a generation 0, by `Plan.generation_0`, is there for chains to take over."""


@dataclass(frozen=True)
class Plan:
    """The chains of a selection, in the order in which they are run.

    Attributes:
        suite: Whose chains they are.
        chains: Seed by seed, so that a run that is stopped early has whole comparisons and not one objective's chains alone.
        needs: What they need that not every machine has.
        facts: By regime, what is known of its data and model; None where something is missing on this machine.
    """

    suite: Suite
    chains: tuple[PlannedChain, ...]
    needs: tuple[Need, ...] = ()
    facts: Mapping[str, Facts | None] = field(default_factory=dict, compare=False, repr=False)

    def statuses(self, done: Done) -> list[ChainStatus]:
        """Return where every chain stands, in order."""
        return [_status(chain, done) for chain in self.chains]

    def remaining(self, done: Done) -> list[ChainStatus]:
        """Return the chains that have something left to do, in order."""
        return [status for status in self.statuses(done) if not status.is_over]

    def generation_0(self, chain: PlannedChain) -> str:
        """Return the name of a chain's generation 0: the same for all chains that fit the same one."""
        regime, facts = self.suite.regime(chain.regime), self.facts[chain.regime]
        draws = facts.draws if facts is not None and strategies.resolve(chain.strategy).recursive else 1
        return identity_hash(generation_0_identity(regime, chain.strategy, chain.objective, chain.seed, chain.data_hash, draws))

    def generations_0(self, statuses: Iterable[ChainStatus]) -> Counter[str]:
        """Return by name the generations 0 that these chains have yet to get, with how many chains share each."""
        return Counter(self.generation_0(status.chain) for status in statuses if not (status.finished or status.is_over))

    def code_files(self) -> dict[str, CodeFile]:
        """Return by name the files of the user's own that its chains use."""
        used = {name for chain in self.chains for name in (chain.objective, chain.strategy)}
        measured = (name for chain in self.chains for name in self.suite.regime(chain.regime).metrics)
        return used_by((*used, *measured))

    def require_needs(self) -> None:
        """Raise UserError that lists everything that is missing on this machine."""
        needs.require(self.needs, f"suite {self.suite.name}")


def make_plan(
    suite: Suite,
    selection: Selection,
    *,
    from_memory: bool = False,
    say: Callable[[str], object] = len,
    adapters: Adapters | None = None,
) -> Plan:
    """List the chains of a suite.

    Loads the real data, whose hash is part of every chain's identity; where it is missing on this machine, the chains are
    listed without ids.

    Args:
        suite: Whose chains.
        selection: Which of them.
        from_memory: Whether a regime that was planned before, and of which nothing has changed since, need not be loaded: to look
            at a plan, not to run it.
        say: Called with what is loaded, before it is.
        adapters: Where those that are loaded are kept; None: not beyond this call.

    Raises:
        UserError: A name is unknown, or a size is one that the data or the model cannot serve.
    """
    regimes = [suite.regime(name) for name in dict.fromkeys(selection.regimes)] or list(suite.regimes)
    _require_installed(regimes)
    bound = adapters if adapters is not None else Adapters()
    facts: dict[str, Facts | None] = {}
    chains: list[PlannedChain] = []
    required: dict[Need, None] = {}
    for regime in regimes:
        horizons = horizons_of(regime, selection)
        remembered = RememberedFacts(regime, horizons)
        known = remembered.recall() if from_memory else None
        if known is None:
            say(f"reading the data of regime {regime.name}")
            required.update(dict.fromkeys(needs_of(regime)))
            needed = adapter_needs(regime)
            if not any(need.missing is not None for need in needed):
                adapter = bound.bind(regime)
                require_runnable(regime, adapter, horizons)
                known = facts_of(adapter)
                if not needed and not regime.gpu:  # what a machine must have is looked for anew
                    remembered.keep(known)
        facts[regime.name] = known
        chains += chains_of(regime, known, selection, explore=suite.explores)
    order = {regime.name: place for place, regime in enumerate(regimes)}
    chains.sort(key=lambda chain: (chain.seed, order[chain.regime]))
    return Plan(suite, tuple(chains), tuple(required), facts)


def _require_installed(regimes: Sequence[Regime]) -> None:
    """Raise UserError for a modality of which something is not installed, with the regimes that can be run without it."""
    missing = {name: text for name in {regime.modality: None for regime in regimes} if (text := modalities.get(name).missing())}
    if not missing:
        return
    lines = []
    for reason in dict.fromkeys(missing.values()):
        names = [repr(name) for name, text in missing.items() if text == reason]
        what = f"modality {names[0]} is" if len(names) == 1 else f"modalities {', '.join(names)} are"
        lines.append(f"{what} unavailable: {reason}")
    others = [regime.name for regime in regimes if regime.modality not in missing]
    if others:
        lines.append(f"without it, run the rest: {' '.join(f'--regime {name}' for name in others)}")
    raise UserError("\n".join(lines))


def _status(chain: PlannedChain, done: Done) -> ChainStatus:
    if chain.id is None:
        return ChainStatus(chain, "unavailable")
    progress = done.progress(chain.id, chain.horizon)
    return ChainStatus(chain, progress.state, progress.finished)
