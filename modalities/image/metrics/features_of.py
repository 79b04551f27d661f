"""The features of a generation's images, and of the real ones they are compared with: each extracted once.

Metrics ask here, so that a network runs over the test split once a chain and over synthetic images once a generation.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from fortifai.contract.metric_inputs import MetricInputs
from fortifai.errors import UserError

from ..adapter import ImageAdapter

LEAST_REAL = 6
"""Fewest held-out images: the metrics of neighbourhoods look at the five nearest others of each."""


def real(inputs: MetricInputs[ImageAdapter]) -> Tensor:
    """Return the features of the held-out test split, float64 (R, D). Raises UserError when it has fewer than 6 images."""
    x = inputs.real["x"]
    if len(x) < LEAST_REAL:
        raise UserError(f"the test split has {len(x)} images, and {LEAST_REAL} are needed to compare with: raise data.test")
    return inputs.once("features of the test split", lambda: once_each(inputs.adapter.extractor.features, x))


def synthetic(inputs: MetricInputs[ImageAdapter]) -> Tensor:
    """Return the features of the synthetic images, float64 (S, D)."""
    return inputs.shared("features", lambda: once_each(inputs.adapter.extractor.features, inputs.synthetic["x"]))


def once_each(network: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a network to images, to equal ones only once: a null is one image many times.

    Args:
        network: Returns (m, ...) of images (m, C, H, W).
        x: Images, (n, C, H, W).

    Returns:
        Its output for every image, (n, ...).
    """
    distinct, position = torch.unique(x, dim=0, return_inverse=True)
    return network(distinct)[position]
