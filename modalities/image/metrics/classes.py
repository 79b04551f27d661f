"""Which classes synthetic images are of, as the classifier of the pool sees them. NaN where the images have no labels."""

import math

from scipy.stats import entropy
from torch import Tensor

from fortifai.contract.metric_inputs import MetricInputs

from ..adapter import ImageAdapter
from ..features.classifier import Classifier
from . import features_of

DEAD = 0.1
"""A class is dead when it receives less than this part of its real share of images."""


def class_entropy(inputs: MetricInputs[ImageAdapter]) -> float:
    """Return the entropy of the histogram of classes of the synthetic images, in bits.

    From 0, where all are of one class, to log2 of the number of classes: 3.32 for ten that are all as frequent, as those of
    bundled images are. NaN where the images have no labels.
    """
    classifier = inputs.adapter.classifier
    return math.nan if classifier is None else float(entropy(_synthetic_shares(inputs, classifier).numpy(), base=2))


def dead_classes(inputs: MetricInputs[ImageAdapter]) -> float:
    """Return how many classes receive less than a tenth of their real share of images: 0 ... number of classes - 1.

    The real share is that of the held-out test split, seen by the same classifier, so that its errors are on both sides. With
    few images a rare class may be missed by chance. NaN where the images have no labels.
    """
    classifier = inputs.adapter.classifier
    if classifier is None:
        return math.nan
    real = inputs.once("classes of the test split", lambda: _shares(classifier, inputs.real["x"]))
    return float((_synthetic_shares(inputs, classifier) < DEAD * real).sum())


def _synthetic_shares(inputs: MetricInputs[ImageAdapter], classifier: Classifier) -> Tensor:
    return inputs.shared("classes", lambda: _shares(classifier, inputs.synthetic["x"]))


def _shares(classifier: Classifier, x: Tensor) -> Tensor:
    """Return the share of images, (n, C, H, W), that each class has, float64 (classes,)."""
    predicted = features_of.once_each(classifier.predict, x)
    return predicted.bincount(minlength=classifier.classes).double() / len(x)
