"""The features of a generation's images, and of the real ones they are compared with: each extracted once.

Metrics ask here, so that a network runs over the test split once a chain and over synthetic images once a generation.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from fortifai.contract.metric_inputs import MetricInputs
from fortifai.errors import UserError

if TYPE_CHECKING:
    from ..adapter import ImageAdapter
    from ..features.classifier import Classifier
    from ..features.extractor import Extractor

LEAST_REAL = 6
"""Fewest held-out images: the metrics of neighbourhoods look at the five nearest others of each."""


def extractor(inputs: MetricInputs) -> "Extractor":
    """Give what turns images into features."""
    return cast("ImageAdapter[object]", inputs.adapter).extractor


def classifier(inputs: MetricInputs) -> "Classifier | None":
    """Give the classifier of the pool; None where the images have no labels."""
    return cast("ImageAdapter[object]", inputs.adapter).classifier


def real(inputs: MetricInputs) -> Tensor:
    """Give the features of the held-out test split, float64 (R, D). Raises UserError when it has fewer than 6 images."""
    x = inputs.real["x"]
    if len(x) < LEAST_REAL:
        raise UserError(f"the test split has {len(x)} images, and {LEAST_REAL} are needed to compare with: raise data.test")
    return inputs.once("features of the test split", lambda: of_distinct(extractor(inputs).features, x))


def synthetic(inputs: MetricInputs) -> Tensor:
    """Give the features of the synthetic images, float64 (S, D)."""
    return inputs.shared("features", lambda: of_distinct(extractor(inputs).features, inputs.synthetic["x"]))


def of_distinct(network: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a network to every image, but to equal ones only once: a null is one image many times."""
    images, place = torch.unique(x, dim=0, return_inverse=True)
    return network(images)[place]
