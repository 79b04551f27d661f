"""How far what a generation made is from the truth; of a batch, its first chain."""

import math
from typing import Any

import torch

from fortifai.contract.metric_inputs import MetricInputs

from .batch import columns


def gaussian_distance(inputs: MetricInputs) -> float:
    """Wasserstein-2 distance between the Gaussian with the samples' mean and standard deviation, and the standard normal."""
    return _moments(inputs, "x", 1.0)


def response_distance(inputs: MetricInputs) -> float:
    """Wasserstein-2 distance between the Gaussian with the responses' mean and standard deviation, and the true responses'."""
    return _moments(inputs, "y", math.sqrt(_config(inputs).features + 1))


def frequency_distance(inputs: MetricInputs) -> float:
    """Half the sum of absolute differences between the samples' frequencies and the true probabilities."""
    truth = torch.tensor(_config(inputs).probabilities, dtype=torch.float64)
    first = columns(inputs.synthetic["x"])[:, 0]
    return float((torch.bincount(first, minlength=len(truth)) / len(first) - truth).abs().sum() / 2)


def _moments(inputs: MetricInputs, name: str, deviation: float) -> float:
    first = columns(inputs.synthetic[name])[:, 0]
    return math.hypot(float(first.mean()), float(first.std(correction=0)) - deviation)


def _config(inputs: MetricInputs) -> Any:
    return inputs.adapter.config
