"""What decides the numbers of a chain, and the id that is its hash."""

from collections.abc import Iterable, Mapping
from typing import Any

from fortifai import metrics, objectives
from fortifai.code_files import split_name, used_by
from fortifai.contract.declaration import modalities
from fortifai.planning.suite import Regime
from fortifai.records.hashing import identity_hash
from fortifai.recursion import strategies

PROTOCOL_VERSION = 2
"""Part of every chain id: raised when a change of the protocol, a strategy or an objective changes the numbers of a chain,
or what identifies one.

2: a chain is identified by its fidelity metric too, since that decides when it has diverged. The numbers are those of 1, but for
`tce-calibrated`, whose share is interpolated (to 1e-6, relative).
"""


def chain_identity(regime: Regime, strategy: str, objective: str, seed: int, data_hash: str) -> dict[str, Any]:
    """Return all that decides the numbers of a chain, as JSON values; the chain id is its hash.

    Args:
        regime: The regime that it belongs to, of which the Identity fields count.
        strategy: Canonical name of how training sets are composed.
        objective: Canonical name of the loss.
        seed: Names its random streams.
        data_hash: `Splits.data_hash` of the real data.
    """
    return {
        "protocol": PROTOCOL_VERSION,
        "adapter": modalities.get(regime.modality).version,
        "regime": regime.identity(),
        "strategy": strategy,
        "objective": objective,
        "seed": seed,
        "data_hash": data_hash,
        **_code([strategy, objective, *regime.metrics]),
    }


def generation_0_identity(
    regime: Regime, strategy: str, objective: str, seed: int, data_hash: str | None, draws: int = 1
) -> dict[str, Any]:
    """Return all that decides generation 0, as JSON values: chains for which it is the same can share one.

    A strategy that does not say otherwise fits it to the same n real samples as all others, and an objective counts as what it is
    there: one that goes by a chain's earlier generations is cross entropy in the first.

    Args:
        regime: The regime, of which the Identity fields count, but for its name.
        strategy: Canonical name of how training sets are composed.
        objective: Canonical name of the loss.
        seed: Names the chain's random streams.
        data_hash: `Splits.data_hash` of the real data; None where it is missing on this machine.
        draws: How many sets of samples every generation of the chain makes; see `Chain.draws`.
    """
    return {
        "protocol": PROTOCOL_VERSION,
        "adapter": modalities.get(regime.modality).version,
        "regime": {name: value for name, value in regime.identity().items() if name != "name"},
        "objective": objectives.resolve(objective).for_generation([]).canonical,
        "seed": seed,
        "data_hash": data_hash,
        "draws": draws,
        **({"strategy": strategy} if strategies.resolve(strategy).own_generation_0 else {}),
        **_code([objective, *regime.metrics]),
    }


def _code(names: Iterable[str]) -> dict[str, Any]:
    """Return the hashes of the files of the user's own that names refer to, by file; nothing where there are none."""
    files = used_by(names)
    return {"code": {name: file.sha256 for name, file in files.items()}} if files else {}


def packages_of(regime: Regime, strategy: str, objective: str) -> dict[str, str]:
    """Return by name the versions of the packages that bring what a chain uses: no part of its identity, and recorded with it.

    Args:
        regime: The regime that it belongs to.
        strategy: Canonical name of how training sets are composed.
        objective: Canonical name of the loss.
    """
    points = [
        modalities.entry_point(regime.modality),
        objectives.registry.entry_point(split_name(objective)[0]),
        strategies.registry.entry_point(split_name(strategy)[0]),
        *(metrics.plug_ins.entry_point(split_name(name)[0]) for name in regime.metrics),
    ]
    return {point.dist.name: point.dist.version for point in points if point is not None and point.dist is not None}


def chain_id(identity: Mapping[str, Any]) -> str:
    """Return the hash of an identity: 16 hexadecimal digits, which name the chain's folder."""
    return identity_hash(identity)
