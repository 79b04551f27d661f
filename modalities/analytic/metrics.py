"""How far what a generation made is from the truth; of a batch, its first chain."""

import math

import torch
from torch import Tensor

from fortifai.contract.metric_inputs import MetricInputs

from .batch import columns
from .categorical import CategoricalAdapter
from .regression import RegressionAdapter


def gaussian_distance(inputs: MetricInputs) -> float:
    """Return the Wasserstein-2 distance of the Gaussian with the samples' mean and deviation to the standard normal, >= 0."""
    return _distance_of_moments(inputs.synthetic["x"], 1.0)


def gaussian_spread(inputs: MetricInputs) -> float:
    """Return the absolute difference of the samples' standard deviation and 1, the truth's, >= 0."""
    return abs(float(columns(inputs.synthetic["x"])[:, 0].std(correction=0)) - 1)


def response_distance(inputs: MetricInputs[RegressionAdapter]) -> float:
    """Return the Wasserstein-2 distance of the Gaussian with the labels' mean and deviation to the true labels', >= 0."""
    return _distance_of_moments(inputs.synthetic["y"], math.sqrt(inputs.adapter.config.features + 1))


def frequency_distance(inputs: MetricInputs[CategoricalAdapter]) -> float:
    """Return half the sum of absolute differences of the samples' frequencies to the true probabilities, in [0, 1]."""
    truth = torch.tensor(inputs.adapter.config.probabilities, dtype=torch.float64)
    first = columns(inputs.synthetic["x"])[:, 0]
    return float((torch.bincount(first, minlength=len(truth)) / len(first) - truth).abs().sum() / 2)


def _distance_of_moments(values: Tensor, deviation: float) -> float:
    """Compare the first chain of (n,) or (n, C) values with a Gaussian of mean 0 and this standard deviation."""
    first = columns(values)[:, 0]
    return math.hypot(float(first.mean()), float(first.std(correction=0)) - deviation)
