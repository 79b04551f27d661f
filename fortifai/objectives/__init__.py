"""Objectives: the losses whose effect on collapse the benchmark measures, as weights on a per-element likelihood loss."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fortifai.config import resolve as _resolve
from fortifai.errors import UserError
from fortifai.objectives.anchored import AnchoredTruncation
from fortifai.objectives.base import Elements, Memory, Objective, Scaled, Selective
from fortifai.objectives.calibrated import CalibratedTruncation
from fortifai.objectives.cross_entropy import CrossEntropy
from fortifai.objectives.focal import ClippedFocal, EntropyWeighted, Focal
from fortifai.objectives.online import LeavingOut, OnlineTruncation
from fortifai.objectives.truncated import AdaptiveTruncation, QuantileTruncation, ReverseTruncation, TruncatedCrossEntropy
from fortifai.registry import Registry

if TYPE_CHECKING:
    from fortifai.objectives.linear import linear_cross_entropy, linear_nll

__all__ = [
    "AdaptiveTruncation",
    "AnchoredTruncation",
    "CalibratedTruncation",
    "ClippedFocal",
    "CrossEntropy",
    "Elements",
    "EntropyWeighted",
    "Focal",
    "LeavingOut",
    "Memory",
    "Objective",
    "OnlineTruncation",
    "QuantileTruncation",
    "ReverseTruncation",
    "Scaled",
    "Selective",
    "TruncatedCrossEntropy",
    "linear_cross_entropy",
    "linear_nll",
    "registry",
    "resolve",
    "resolve_for",
]

registry: Registry[type[Objective]] = Registry("objective", group="fortifai.objectives", subclass_of=Objective)
for _objective in (
    CrossEntropy,
    TruncatedCrossEntropy,
    QuantileTruncation,
    AdaptiveTruncation,
    CalibratedTruncation,
    AnchoredTruncation,
    OnlineTruncation,
    ReverseTruncation,
    Focal,
    ClippedFocal,
    EntropyWeighted,
):
    registry.register(_objective.name, _objective)


def resolve(objective: str | Objective) -> Objective:
    """Turn a name such as ``"tce:gamma=0.9"`` into the objective; an objective passes through.

    Raises:
        UserError: The name is unknown (the nearest are named), or a parameter is out of range.
    """
    return _resolve(registry, objective)


def resolve_for(objective: str | Objective, elements: Elements = Elements()) -> Objective:  # noqa: B008 (it is immutable)
    """Turn a name into the objective for a modality, with the unit that it weighs filled in where none was named.

    Args:
        objective: A name such as ``"tce:gamma=0.9"``, or an objective.
        elements: What the modality can weigh, and on which scales it is confident; default: probabilities of one kind of element.

    Raises:
        UserError: As of `resolve`, or the modality does not have the unit, the scale or the likelihood that it goes by.
    """
    resolved = resolve(objective)
    if elements.implicit and "own_nll" in resolved.remembers:
        raise UserError(
            f"objective {resolved.canonical!r} goes by a model's likelihood of its own samples, and the models of this modality "
            "have none: use one that goes by confidence, such as tce:gamma=0.9 or tce-anchored"
        )
    return resolved.of_elements(elements) if isinstance(resolved, Selective) else resolved


def __getattr__(name: str) -> Any:
    # Imported when asked for: naming an objective needs no torch.
    if name in ("linear_cross_entropy", "linear_nll"):
        return getattr(import_module("fortifai.objectives.linear"), name)
    raise AttributeError(f"module 'fortifai.objectives' has no attribute {name!r}")
