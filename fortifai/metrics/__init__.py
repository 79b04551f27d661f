"""Metrics: what is measured of every generation. Each declares its direction, unit, range, least n and inputs.

The metrics declared here serve every modality; an adapter's declaration brings its own.
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
        name="nll",
        summary="negative log-likelihood of held-out real data",
        better="lower",
        unit="nats per element",
        valid=(-math.inf, math.inf),
        least_n=1,
        reads=("real", "model"),
        compute="fortifai.metrics.confidence:held_out_nll",
    ),
    Metric(
        name="confidence_gap",
        summary="mean confidence on own samples minus on held-out real data",
        better="target",
        target=0.0,
        unit="probability",
        valid=(-1.0, 1.0),
        least_n=1,
        reads=("real", "synthetic", "model"),
        compute="fortifai.metrics.confidence:confidence_gap",
    ),
)


def registry() -> Registry[Metric]:
    """Give every metric by name: the shared ones and those of every installed modality.

    Raises UserError when two modalities claim one name for different things.
    """
    return _collect(modalities.get(name) for name in modalities if modalities.broken(name) is None)


def of(declaration: ModalityDeclaration) -> Registry[Metric]:
    """Give the metrics that one modality can be measured by: the shared ones and its own."""
    return _collect([declaration])


def find(declaration: ModalityDeclaration, name: str) -> Metric:
    """Give one of a modality's metrics by name, with its argument behind a colon where it takes one.

    Raises UnknownName, and UserError when an argument is missing or not taken.
    """
    known, (plain, colon, argument) = of(declaration), name.partition(":")
    metric = known.get(plain if plain in known else name)
    return metric.with_argument(argument) if colon or metric.takes else metric


def _collect(declarations: Iterable[ModalityDeclaration]) -> Registry[Metric]:
    found: Registry[Metric] = Registry("metric")
    for metric in (*SHARED, *(metric for declaration in declarations for metric in declaration.metrics)):
        found.register(metric.name, metric)
    return found


def measure(metric: Metric, inputs: "MetricInputs[Any, Any]") -> float:
    """Measure one generation. NaN and infinities pass: whether they end a chain is the protocol's business.

    Raises UserError when there are fewer samples than the metric means anything for.
    """
    if "synthetic" in metric.reads and len(inputs.synthetic) < metric.least_n:
        raise UserError(f"metric {metric.name!r} needs at least {metric.least_n} samples, got {len(inputs.synthetic)}")
    return float(metric.function()(inputs))
