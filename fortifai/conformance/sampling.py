"""Checks of how a model is read out."""

import math
from statistics import median

import torch

from fortifai.conformance.check import NotApplicable, check, require
from fortifai.conformance.likelihood import CLEAR
from fortifai.conformance.subject import Subject, by_sample
from fortifai.contract.declaration import ModalityDeclaration
from fortifai.contract.metric import Metric
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.modality import AnyModality
from fortifai.metrics import measure
from fortifai.recursion.null import measure_nulls

COLD = 0.25
"""A temperature at which a model is read out much more sharply than it was fitted."""

SHRUNK = 0.95
"""What has to become of the spread of samples at that temperature, at most."""

MOST_DRAWN = 4000
"""Samples that are drawn where a small bias has to be seen, and at most four times as many as a fit has."""

FREE = 0.01
"""Nats by which samples may be likelier than what the model was fitted to, beside chance."""

TOO_WIDE = 0.5
"""Nats by which they may be less likely: a model that was not trained to the end is wider than its data."""


@check()
def temperature_1_is_as_fitted(subject: Subject) -> None:
    """At temperature 1 a model makes samples as likely as what it was fitted to: it is read out neither sharper nor wider."""
    floats = any(tensor.is_floating_point() for tensor in subject.training.data.values())
    if floats and not subject.declaration.elements.density:
        raise NotApplicable("neither categories nor a density: the likelihood need not be that of what is sampled")
    pool = subject.training
    times = max(1, min(4, MOST_DRAWN // len(pool)))
    drawn = [subject.sample(subject.model, draw=f"as fitted {number}") for number in range(times)]
    own = torch.cat([by_sample(subject.nll(subject.model, samples)) for samples in drawn])
    fitted = by_sample(subject.nll(subject.model, pool))
    margin, error = float(own.mean() - fitted.mean()), math.sqrt(float(own.var()) / len(own))
    got = f"{float(own.mean()):.4g} of samples and {float(fitted.mean()):.4g} of what it was fitted to"
    require(margin >= -CLEAR * error - FREE, "samples no likelier than what the model was fitted to, in nats", got)
    require(margin <= CLEAR * error + TOO_WIDE, "samples about as likely as what the model was fitted to, in nats", got)


@check()
def a_lower_temperature_is_sharper(subject: Subject) -> None:
    """Below temperature 1 samples spread less: numbers have less variance, categories are likelier."""
    cold = subject.sample(subject.model, temperature=COLD)
    if all(tensor.is_floating_point() for tensor in subject.own.data.values()):
        wide, narrow = (
            sum(float(t.double().reshape(len(t), -1).var(0).sum()) for t in samples.data.values())
            for samples in (subject.own, cold)
        )
        require(narrow <= SHRUNK * wide, f"less than {SHRUNK} of the variance {wide:.4g} at temperature {COLD}", f"{narrow:.4g}")
    else:
        wide, narrow = (float(subject.nll(subject.model, samples).double().mean()) for samples in (subject.own, cold))
        require(narrow < wide, f"samples likelier than at temperature 1, {wide:.4g} nats, at {COLD}", f"{narrow:.4g} nats")


@check()
def beats_the_null(subject: Subject) -> None:
    """By the metric that suites are scored by, a fit is better than one training sample repeated, and in the metric's range."""
    metric = _metric_of(subject.declaration, subject.adapter)
    value = measure(metric, MetricInputs(subject.adapter, subject.own, subject.model))
    low, high = metric.valid
    require(low <= value <= high, f"{metric.name} in [{low:g}, {high:g}]", f"{value:.6g}")
    null = metric.chance if metric.chance is not None else median(measure_nulls(subject.adapter, metric, subject.setting.n))
    better = value < null if metric.better == "lower" else value > null
    require(better, f"{metric.name} better than that of one sample repeated, {null:.4g}", f"{value:.4g}")


def _metric_of(declaration: ModalityDeclaration, adapter: AnyModality) -> Metric:
    """Return the metric that the example names, or the first that a suite of the modality can be scored by."""
    wanted = declaration.example.metric
    for metric in declaration.metrics:
        scores = metric.better != "target" and metric.by_default and (metric.chance is not None or "model" not in metric.reads)
        if metric.name == wanted or (wanted is None and scores):
            metric.require(adapter)
            return metric
    raise NotApplicable(
        "the modality declares no distance and no accuracy" if wanted is None else f"there is no metric {wanted!r}"
    )
