"""Objectives: the losses whose effect on collapse the benchmark measures, as weights on a per-element likelihood loss."""

from fortifai.config import resolve as _resolve
from fortifai.objectives.base import Objective
from fortifai.objectives.calibrated import CalibratedTruncation
from fortifai.objectives.cross_entropy import CrossEntropy
from fortifai.objectives.focal import Focal
from fortifai.objectives.truncated import AdaptiveTruncation, QuantileTruncation, TruncatedCrossEntropy
from fortifai.registry import Registry

__all__ = [
    "AdaptiveTruncation",
    "CalibratedTruncation",
    "CrossEntropy",
    "Focal",
    "Objective",
    "QuantileTruncation",
    "TruncatedCrossEntropy",
    "registry",
    "resolve",
]

registry: Registry[type[Objective]] = Registry("objective")
for _objective in (CrossEntropy, TruncatedCrossEntropy, QuantileTruncation, AdaptiveTruncation, CalibratedTruncation, Focal):
    registry.register(_objective.name, _objective)


def resolve(objective: str | Objective) -> Objective:
    """Turn a name such as ``"tce:gamma=0.9"`` into the objective; an objective passes through.

    Raises UserError for an unknown name (with the nearest) and for a parameter out of range.
    """
    return _resolve(registry, objective)
