"""Metrics: what is measured of every generation.

The metrics declared here serve every modality; an adapter's declaration adds its own.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fortifai.contract.declaration import ModalityDeclaration, modalities
from fortifai.contract.metric import Metric
from fortifai.errors import UserError
from fortifai.registry import Registry

if TYPE_CHECKING:
    from fortifai.contract.metric_inputs import MetricInputs

__all__ = ["SHARED", "Metric", "find", "measure", "of", "registry"]

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


def registry() -> Registry[Metric]:
    """Return every metric by name: the shared ones and those of every installed modality.

    Raises:
        UserError: Two modalities use one name for different metrics.
    """
    return _collect(modalities.get(name) for name in modalities if modalities.broken(name) is None)


def of(declaration: ModalityDeclaration) -> Registry[Metric]:
    """Return the metrics of one modality by name: the shared ones and its own."""
    return _collect([declaration])


def find(declaration: ModalityDeclaration, name: str) -> Metric:
    """Return one of a modality's metrics by name.

    Args:
        declaration: The modality.
        name: The metric's name, with its argument behind a colon where it takes one.

    Raises:
        UnknownName: The modality has no such metric.
        UserError: An argument is missing, or there is one that the metric does not take.
    """
    known, (plain, colon, argument) = of(declaration), name.partition(":")
    metric = known.get(plain if plain in known else name)
    return metric.with_argument(argument) if colon or metric.takes else metric


def _collect(declarations: Iterable[ModalityDeclaration]) -> Registry[Metric]:
    by_name: Registry[Metric] = Registry("metric")
    for metric in (*SHARED, *(metric for declaration in declarations for metric in declaration.metrics)):
        by_name.register(metric.name, metric)
    return by_name


def measure(metric: Metric, inputs: "MetricInputs[Any, Any]") -> float:
    """Return the value of a metric for one generation.

    NaN and infinities pass: whether they end a chain is for the protocol to decide.

    Raises:
        UserError: There are fewer synthetic samples than the metric's ``least_n``, or an extra is not installed.
    """
    if "synthetic" in metric.reads and len(inputs.synthetic) < metric.least_n:
        raise UserError(f"metric {metric.name!r} needs at least {metric.least_n} samples, got {len(inputs.synthetic)}")
    return float(metric.function()(inputs))
