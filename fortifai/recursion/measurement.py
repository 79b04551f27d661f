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
from fortifai.objectives import AnchoredTruncation, Memory
from fortifai.objectives.base import SHARES
from fortifai.records.schema import GenerationRecord
from fortifai.recursion.chain import Chain

ModelT = TypeVar("ModelT")

CONFIDENCE_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of confidence that every generation records."""

CONFIDENCE_BINS = 20
"""Equal bins of [0, 1] that its histogram has; each holds its lower end, and the last one 1 too."""

OWN_NLL = "own_nll"
"""What a generation notes for an objective that goes by it: the model's mean NLL of its own samples, in nats an element."""

NLL_WITHOUT = tuple(f"own_nll_without_{round(100 * share):02d}" for share in SHARES)
"""The same without the most confident shares of the elements, such as 5 %."""

ANCHOR = "anchor_"
"""Begins the notes of generation 0's anchors, which are numbered from 0."""

OBSERVED = "observed_"
"""Begins the notes of what the objective observed of a generation's samples, likewise."""


@dataclass(frozen=True)
class Measurement:
    """What was measured of one generation; empty but for the reason when it diverged."""

    metrics: dict[str, float | None] = field(default_factory=dict)
    confidence: dict[str, dict[str, Any]] = field(default_factory=dict)
    masked_share: float | None = None
    notes: Mapping[str, float] = field(default_factory=dict)
    diverged: str | None = None


def measure_generation(
    chain: Chain[ModelT], generation: int, inputs: MetricInputs[Modality[Any, Any, Any, ModelT], ModelT], fit: Fit[ModelT]
) -> Measurement:
    """Measure a generation by those metrics of its chain that are due.

    Args:
        chain: Whose generation.
        generation: Its number.
        inputs: The generation, as metrics see it.
        fit: What training its model returned.

    Raises:
        Diverged: The fidelity metric is not finite.
    """
    metrics: dict[str, float | None] = {metric.name: measure(metric, inputs) for metric in chain.metrics_of(generation)}
    fidelity = metrics[chain.fidelity_metric]
    if fidelity is None or not math.isfinite(fidelity):
        raise Diverged(f"{chain.fidelity_metric} is {fidelity}")
    parts: tuple[Part, ...] = ("synthetic", "real")
    confidence = {str(part): summarise_confidence(inputs.confidence(part), chain.adapter.density) for part in parts}
    return Measurement(metrics, confidence, fit.masked_share, dict(fit.notes))


def notes_for_objective(
    chain: Chain[ModelT], generation: int, inputs: MetricInputs[Modality[Any, Any, Any, ModelT], ModelT]
) -> dict[str, float]:
    """Return what the chain's objective wants to know of a generation later on: nothing, for most.

    Args:
        chain: Whose generation.
        generation: Its number.
        inputs: The generation, as metrics see it.

    Raises:
        Diverged: What it wants to know is not finite.
    """
    notes: dict[str, float] = {}
    if "own_nll" in chain.objective.remembers:
        own = chain.adapter.by_unit(inputs.likelihood("synthetic"), chain.objective)
        order = own.confidence.reshape(-1).argsort(descending=True, stable=True)
        ranked = own.nll.reshape(-1)[order].double()
        notes[OWN_NLL] = float(ranked.mean())
        for name, share in zip(NLL_WITHOUT, SHARES, strict=True):
            notes[name] = float(ranked[int(share * len(ranked)) :].mean())
    if generation == 0 and isinstance(chain.objective, AnchoredTruncation):
        anchors = chain.adapter.anchors(inputs.model, chain.objective, chain.objective.q)
        notes |= {f"{ANCHOR}{number}": float(anchor) for number, anchor in enumerate(anchors)}
    if "observed" in chain.objective.remembers:
        observed = chain.objective.observe(inputs.synthetic.data)
        notes |= {f"{OBSERVED}{number}": float(value) for number, value in enumerate(observed)}
    for name, value in notes.items():
        if not math.isfinite(value):
            raise Diverged(f"{name}, which the objective goes by, is {value}")
    return notes


def memory_of(record: GenerationRecord) -> Memory:
    """Return what a record holds for the objective of later generations."""
    notes = record.notes
    return Memory(
        masked_share=record.masked_share or 0.0,
        own_nll=notes.get(OWN_NLL),
        nll_without=tuple(value for name in NLL_WITHOUT if (value := notes.get(name)) is not None),
        anchors=_numbered(notes, ANCHOR),
        observed=_numbered(notes, OBSERVED),
    )


def _numbered(notes: Mapping[str, float | None], prefix: str) -> tuple[float, ...]:
    """Return the notes that begin like this, in the order of their numbers."""
    numbered = sorted((int(name.removeprefix(prefix)), value) for name, value in notes.items() if name.startswith(prefix))
    return tuple(value for _, value in numbered if value is not None)


def summarise_confidence(confidence: Tensor, density: bool) -> dict[str, Any]:
    """Return mean, quantiles (``q05`` ... ``q95``) and histogram (shares in 20 bins) of confidences.

    Args:
        confidence: Of every element, any shape, >= 0.
        density: Whether it has no upper bound. Then the histogram is of p / (1 + p), which has.
    """
    values = confidence.double().reshape(-1).numpy()
    levels = np.quantile(values, CONFIDENCE_LEVELS)
    quantiles = {f"q{round(100 * q):02d}": float(v) for q, v in zip(CONFIDENCE_LEVELS, levels, strict=True)}
    bounded = values / (1 + values) if density else values.clip(0, 1)
    shares = np.histogram(bounded, CONFIDENCE_BINS, range=(0, 1))[0] / values.size
    return {"mean": float(values.mean()), **quantiles, "histogram": shares.tolist()}
