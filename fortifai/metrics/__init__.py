"""Metrics: what is measured of every generation.

The metrics declared here serve every modality; an adapter's declaration adds its own, and packages beside it theirs.
"""

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fortifai.code_files import file_of, split_name
from fortifai.contract.declaration import ModalityDeclaration, modalities
from fortifai.contract.metric import Metric
from fortifai.errors import UserError
from fortifai.registry import Registry

if TYPE_CHECKING:
    from fortifai.contract.metric_inputs import MetricInputs

__all__ = ["SHARED", "Metric", "by_name", "find", "measure", "of", "plug_ins"]

SHARED = (
    Metric(
        compute="fortifai.metrics.confidence:held_out_nll",
        name="nll",
        summary="negative log-likelihood of held-out real data",
        better="lower",
        unit="nats per element",
        valid=(-math.inf, math.inf),
        reads=("real", "model"),
    ),
    Metric(
        compute="fortifai.metrics.confidence:confidence_gap",
        summary="mean confidence on own samples minus on held-out real data",
        better="target",
        target=0.0,
        unit="confidence",
        valid=(-math.inf, math.inf),  # a density has no upper bound
        reads=("real", "synthetic", "model"),
    ),
)
"""The metrics that every modality has."""


plug_ins: Registry[Metric] = Registry("metric", group="fortifai.metrics", instance_of=Metric)
"""The metrics that packages bring for modalities of somebody else's; they are measured only where a suite names them."""


def by_name() -> dict[str, tuple[Metric, ...]]:
    """Return every metric by name: the shared ones, those of every installed modality, and those of packages beside them.

    A name has several where modalities mean different things by it; within one modality it means one thing.
    """
    declared = (metric for name in modalities if modalities.broken(name) is None for metric in modalities.get(name).metrics)
    brought = (_plug_in(name) for name in plug_ins if plug_ins.broken(name) is None)
    named: dict[str, dict[Metric, None]] = {}
    for metric in (*SHARED, *declared, *brought):
        named.setdefault(metric.name, {})[metric] = None
    return {name: tuple(meanings) for name, meanings in named.items()}


def of(declaration: ModalityDeclaration) -> Registry[Metric]:
    """Return the metrics of one modality by name: the shared ones, its own, and those that packages bring for it."""
    own: Registry[Metric] = Registry("metric")
    brought = (_plug_in(name) for name in plug_ins if plug_ins.broken(name) is None)
    for metric in (*SHARED, *declaration.metrics, *(metric for metric in brought if _serves(metric, declaration))):
        own.register(metric.name, metric)
    return own


def find(declaration: ModalityDeclaration, name: str) -> Metric:
    """Return one of a modality's metrics by name.

    Args:
        declaration: The modality.
        name: The metric's name, with its argument behind a colon where it takes one; ``mine.py:SPREAD`` for one of a file of
            the user's own.

    Raises:
        UnknownName: The modality has no such metric.
        UserError: An argument is missing, there is one that the metric does not take, or it is for other modalities.
    """
    plain, argument = split_name(name)
    if file_of(name) is None:
        known, has_argument = of(declaration), ":" in name
        metric = known.get(plain if plain in known else name)
    else:
        metric, has_argument = _plug_in(plain), bool(argument)
        if not _serves(metric, declaration):
            raise UserError(f"metric {plain!r} is for {', '.join(metric.modalities)}, not for {declaration.name}")
    return metric.with_argument(argument) if has_argument or metric.takes else metric


def _plug_in(name: str) -> Metric:
    """Return a metric of a package or of a file, called by the name that leads back to it."""
    return replace(plug_ins.get(name), name=name, named_only=True)


def _serves(metric: Metric, declaration: ModalityDeclaration) -> bool:
    return not metric.modalities or declaration.name in metric.modalities


def measure(metric: Metric, inputs: "MetricInputs[Any, Any]") -> float:
    """Return the value of a metric for one generation.

    NaN and infinities pass: whether they end a chain is for the protocol to decide.

    Raises:
        UserError: There are fewer synthetic samples than the metric's ``least_n``, or an extra is not installed.
    """
    if "synthetic" in metric.reads and len(inputs.synthetic) < metric.least_n:
        raise UserError(f"metric {metric.name!r} needs at least {metric.least_n} samples, got {len(inputs.synthetic)}")
    return float(metric.function()(inputs))
