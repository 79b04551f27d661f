"""A regime's adapter with its data, loaded once, and what a machine must have for it."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from fortifai import needs
from fortifai.config import Frozen, ModelConfig
from fortifai.contract.declaration import modalities
from fortifai.contract.modality import Modality
from fortifai.contract.samples import Splits
from fortifai.needs import Need
from fortifai.planning.suite import Regime


def needs_of(regime: Regime) -> tuple[Need, ...]:
    """Give what a regime needs that not every machine has, what is missing on this one included."""
    return (*((needs.gpu(),) if regime.gpu else ()), *_own_needs(regime))


def _own_needs(regime: Regime) -> Sequence[Need]:
    """Give what the adapter needs, without which a chain cannot even be identified."""
    return modalities.get(regime.modality).build(regime.model).needs(regime.data)


def load_regime(regime: Regime) -> tuple[Modality[Any], Splits]:
    """Build a regime's adapter and load its data, once a process. Raises UserError when they do not fit together."""
    modality, splits = _load(regime.modality, regime.model, regime.data)
    modality.check(regime.size(len(splits.train)), splits)
    return modality, splits


@cache
def _load(modality: str, model: ModelConfig, data: Frozen) -> tuple[Modality[Any], Splits]:
    adapter = modalities.get(modality).build(model)
    return adapter, adapter.load(data)
