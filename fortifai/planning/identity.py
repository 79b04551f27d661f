"""What decides the numbers of a chain, and the id that is its hash."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fortifai.contract.declaration import modalities
from fortifai.planning.suite import Regime
from fortifai.recursion.protocol import PROTOCOL_VERSION


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
