"""What is recorded of a generation: its metrics, and a summary of the model's confidence."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from fortifai.contract.metric_inputs import MetricInputs, Part
from fortifai.contract.modality import Fit, Modality
from fortifai.errors import Diverged
from fortifai.metrics import measure
from fortifai.recursion.chain import Chain

ModelT = TypeVar("ModelT")

CONFIDENCE_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of confidence that every generation records."""

CONFIDENCE_BINS = 20
"""Equal bins of [0, 1] that its histogram has; each holds its lower end, and the last one 1 too."""

OWN_NLL = "own_nll"
"""What a generation notes for an objective that goes by it: the model's mean NLL of its own samples, in nats an element."""


@dataclass(frozen=True)
class Measurement:
    """What was measured of one generation; empty but for the reason when it diverged."""

    metrics: dict[str, float | None] = field(default_factory=dict)
    confidence: dict[str, dict[str, Any]] = field(default_factory=dict)
    masked_share: float | None = None
    notes: Mapping[str, float] = field(default_factory=dict)
    diverged: str | None = None


def measure_generation(
    chain: Chain[ModelT], inputs: MetricInputs[Modality[Any, Any, Any, ModelT], ModelT], fit: Fit[ModelT]
) -> Measurement:
    """Measure a generation by all metrics of its chain.

    Args:
        chain: Whose generation.
        inputs: The generation, as metrics see it.
        fit: What training its model returned.

    Raises:
        Diverged: The fidelity metric is not finite, or the own NLL of a chain whose objective goes by it.
    """
    metrics: dict[str, float | None] = {metric.name: measure(metric, inputs) for metric in chain.metrics}
    fidelity = metrics[chain.fidelity_metric]
    if fidelity is None or not math.isfinite(fidelity):
        raise Diverged(f"{chain.fidelity_metric} is {fidelity}")
    parts: tuple[Part, ...] = ("synthetic", "real")
    confidence = {str(part): summarise_confidence(inputs.confidence(part)) for part in parts}
    notes = dict(fit.notes)
    if chain.objective.follows_own_nll:
        notes[OWN_NLL] = float(inputs.nll("synthetic").double().mean())
        if not math.isfinite(notes[OWN_NLL]):
            raise Diverged(f"the model's negative log-likelihood of its own samples is {notes[OWN_NLL]}")
    return Measurement(metrics, confidence, fit.masked_share, notes)


def summarise_confidence(confidence: Tensor) -> dict[str, Any]:
    """Return mean, quantiles (``q05`` ... ``q95``) and histogram (shares in 20 bins) of confidences of any shape in [0, 1]."""
    values = confidence.double().reshape(-1).numpy()
    levels = np.quantile(values, CONFIDENCE_LEVELS)
    quantiles = {f"q{round(100 * q):02d}": float(v) for q, v in zip(CONFIDENCE_LEVELS, levels, strict=True)}
    shares = np.histogram(values, CONFIDENCE_BINS, range=(0, 1))[0] / values.size
    return {"mean": float(values.mean()), **quantiles, "histogram": shares.tolist()}
