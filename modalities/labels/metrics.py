"""What labels and classifiers are measured by."""

import torch
from torch import Tensor, nn

from fortifai.contract.metric_inputs import MetricInputs
from fortifai.errors import UserError

from .adapter import LabelAdapter

Inputs = MetricInputs[LabelAdapter, nn.Sequential]

BINS = 10
"""Bins of confidence in which it is compared with accuracy."""


def require_ten_classes(adapter: LabelAdapter) -> None:
    """Raise UserError where chance is not a tenth."""
    if adapter.classes != 10:
        raise UserError(f"accuracy is scored against the chance of ten classes, and these images have {adapter.classes}")


def accuracy(inputs: Inputs) -> float:
    """Return the share of held-out images whose likeliest class is theirs, in [0, 1]."""
    return float((_probabilities(inputs).argmax(1) == inputs.real["y"]).double().mean())


def calibration_error(inputs: Inputs) -> float:
    """Return the expected calibration error on held-out images, in [0, 1].

    The mean over images of how far apart, in each of ten bins of equal width, mean confidence in the likeliest class and accuracy
    are (Naeini et al., 2015).
    """
    confidence, predicted = _probabilities(inputs).max(1)
    right = (predicted == inputs.real["y"]).double()
    bins = (confidence * BINS).long().clamp(max=BINS - 1)
    gap = torch.zeros(BINS, dtype=torch.float64).index_add(0, bins, confidence - right)
    return float(gap.abs().sum() / len(right))


def class_distance(inputs: Inputs) -> float:
    """Return the total variation between the shares of classes of given labels and of held-out real ones, in [0, 1]."""
    given, real = (_shares(labels, inputs.adapter.classes) for labels in (inputs.synthetic["y"], inputs.real["y"]))
    return 0.5 * float((given - real).abs().sum())


def absent_classes(inputs: Inputs) -> float:
    """Return how many classes no label was given of."""
    return float((_shares(inputs.synthetic["y"], inputs.adapter.classes) == 0).sum())


def _probabilities(inputs: Inputs) -> Tensor:
    """Return the model's probabilities of classes of held-out images, float64 (n, classes)."""
    return inputs.shared("label probabilities", lambda: inputs.adapter.logits(inputs.model, inputs.real["x"]).double().softmax(1))


def _shares(labels: Tensor, classes: int) -> Tensor:
    return torch.bincount(labels, minlength=classes).double() / max(len(labels), 1)
