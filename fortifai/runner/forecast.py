"""How long the rest of a run will take: what the plan says of each generation, corrected by what this run has measured."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from fortifai.planning.chains import ChainStatus, PlannedChain
from fortifai.planning.cost import Speed, chain_seconds
from fortifai.planning.plan import Plan
from fortifai.recursion import strategies


class Forecast:
    """The seconds that are left, of chains that some workers run; other chains, of which only a picture is drawn, take none.

    A regime's generations take what the plan says, times the ratio of what they have taken so far in this run; a regime of which
    none is finished yet has the ratio of all.
    """

    def __init__(self, statuses: Sequence[ChainStatus], speeds: Mapping[str, Speed], fits: Sequence[bool], workers: int) -> None:
        """Begin with what is left.

        Args:
            statuses: Of the chains that are run.
            speeds: What the plan says of the generations of each regime.
            fits: Whether each chain fits its generation 0 itself, and does not take it over.
            workers: How many chains run at once.
        """
        self._speeds, self._workers = speeds, workers
        self._next = {_key(status.chain): status.finished for status in statuses}
        self._fits = {_key(status.chain): fit for status, fit in zip(statuses, fits, strict=True)}
        self._left: dict[str, float] = defaultdict(float)
        self._planned: dict[str, float] = defaultdict(float)
        self._took: dict[str, float] = defaultdict(float)
        self._running = len(statuses)
        for status in statuses:
            self._left[status.chain.regime] += self._cost(status.chain, status.finished, status.chain.horizon + 1)

    def generation(self, chain: PlannedChain, generation: int, seconds: float | None) -> None:
        """Count a generation of a chain as finished; ``seconds``: what it took, where that is known."""
        if _key(chain) not in self._next:
            return
        cost = self._cost(chain, generation, generation + 1)
        self._next[_key(chain)] = generation + 1
        self._left[chain.regime] -= cost
        if seconds is not None and cost > 0:
            self._planned[chain.regime] += cost
            self._took[chain.regime] += seconds

    def ended(self, chain: PlannedChain) -> None:
        """Count a chain as over: what is left of it, since it diverged or failed, will not be run."""
        if _key(chain) not in self._next:
            return
        self._left[chain.regime] -= self._cost(chain, self._next[_key(chain)], chain.horizon + 1)
        self._next[_key(chain)] = chain.horizon + 1
        self._running -= 1

    def seconds(self) -> float | None:
        """Return the seconds that are left, or None while nothing has been measured."""
        planned, took = sum(self._planned.values()), sum(self._took.values())
        if not planned:
            return None
        of_all = took / planned
        work = sum(
            max(left, 0.0) * (self._took[regime] / self._planned[regime] if self._planned[regime] else of_all)
            for regime, left in self._left.items()
        )
        return work / max(1, min(self._workers, self._running))

    def _cost(self, chain: PlannedChain, first: int, end: int) -> float:
        """Return the seconds that the plan says of generations of a chain, from ``first`` to before ``end``."""
        speed = self._speeds[chain.regime]
        start = speed.of_first(chain.n) if first == 0 < end and self._fits[_key(chain)] else 0.0
        later = range(max(first, 1), end)
        return start + chain_seconds(strategies.resolve(chain.strategy), chain.n, later, speed.fixed, speed.per_sample)


def forecast(plan: Plan, statuses: Sequence[ChainStatus], speeds: Mapping[str, Speed], workers: int) -> Forecast:
    """Return the forecast of some chains of a plan.

    Args:
        plan: Whose chains they are.
        statuses: Where each stands.
        speeds: What the plan says of the generations of each regime.
        workers: How many chains run at once.
    """
    seen: set[str] = set()
    fits = []
    for status in statuses:
        name = plan.generation_0(status.chain)
        fits.append(name not in seen)
        seen.add(name)
    return Forecast(statuses, speeds, fits, workers)


def _key(chain: PlannedChain) -> tuple[str, str, str, int]:
    return chain.regime, chain.strategy, chain.objective, chain.seed
