"""A regime's adapter, made with its data once, and what a machine must have for it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fortifai import needs
from fortifai.contract.declaration import modalities
from fortifai.errors import UserError
from fortifai.metrics import SHARED
from fortifai.needs import Need
from fortifai.planning.suite import Regime
from fortifai.recursion import strategies

if TYPE_CHECKING:
    from fortifai.contract.modality import AnyModality


class Adapters:
    """Adapters by what they are made of: regimes of the same modality, model and data share one, loaded and tokenised once.

    A plan has its own, and a worker process has one for as long as it lives.
    """

    def __init__(self) -> None:
        self._adapters: dict[tuple[str, str, str], AnyModality] = {}

    def bind(self, regime: Regime) -> "AnyModality":
        """Return a regime's adapter, bound to its data.

        Raises:
            UserError: The data is missing or unusable, or its size, the model and the data do not fit together.
        """
        # As text, since a configuration may hold lists, which cannot be hashed.
        key = (regime.modality, regime.model.model_dump_json(), regime.data.model_dump_json())
        if key not in self._adapters:
            self._adapters[key] = modalities.get(regime.modality).bind(regime.model, regime.data)
        adapter = self._adapters[key]
        adapter.check(regime.size(len(adapter.splits.train)))
        return adapter


WHAT = {
    "likelihood": "likelihood of samples",
    "verify": "verifier",
    "redraw": "way to draw single elements anew",
    "guided": "guidance in sampling",
}
"""What an adapter may lack, by what a strategy asks; but for the likelihood it is the method that the adapter overrides."""


def _answers(adapter: "AnyModality", ask: str) -> bool:
    from fortifai.contract.modality import Modality

    return not adapter.implicit if ask == "likelihood" else getattr(type(adapter), ask) is not getattr(Modality, ask)


def needs_of(regime: Regime) -> tuple[Need, ...]:
    """Return what a regime needs that not every machine has, and what of it is missing on this one."""
    return (*((needs.gpu(),) if regime.gpu else ()), *adapter_needs(regime))


def adapter_needs(regime: Regime) -> Sequence[Need]:
    """Return what the adapter itself needs, without which a chain cannot even be identified."""
    return modalities.get(regime.modality).needs(regime.model, regime.data)


def require_runnable(regime: Regime, adapter: "AnyModality", horizons: Mapping[str, int]) -> None:
    """Raise UserError for anything that would fail every chain of a regime.

    That is a metric that needs more samples or that this data rules out, and a strategy that draws more real samples than
    there are.

    Args:
        regime: What is to be run.
        adapter: Its adapter.
        horizons: By the name of each strategy, the last generation to run.
    """
    pool = len(adapter.splits.train)
    n = regime.size(pool)
    for metric in map(regime.metric, regime.metrics):
        metric.require(adapter)
        if "synthetic" in metric.reads and n < metric.least_n:
            remedy = "raise n, or name the metrics to measure without it"
            raise UserError(f"n = {n} samples are too few for metric {metric.name!r}, which needs {metric.least_n}: {remedy}")
    for name, horizon in horizons.items():
        strategy = strategies.resolve(name)
        if lacking := sorted(ask for ask in strategy.asks if ask != "first" and not _answers(adapter, ask)):
            raise UserError(f"strategy {name!r} cannot be run in modality {regime.modality!r}, which has no {WHAT[lacking[0]]}")
        own = strategy.adapter_for(adapter)
        own.check(n)
        reads = [metric.name for metric in map(regime.metric, regime.metrics) if metric not in SHARED and "model" in metric.reads]
        if own is not adapter and reads:
            raise UserError(f"strategy {name!r} has models that metric {reads[0]!r} cannot read: leave it out of metrics")
        if strategy.warm_only and regime.start != "warm":
            raise UserError(f'strategy {name!r} compares parameters of models that start from one another: set start = "warm"')
        if (drawn := max(strategy.fresh(n, generation) for generation in range(horizon + 1))) > pool:
            raise UserError(f"strategy {name!r} asks for {drawn} real samples a generation, and the training pool has {pool}")
