"""What features of clips say: distances, classes and neighbours. The code is that of images, on the pictures of clips.

R real clips, S synthetic clips, D features.
"""

import math

import torch
from torch import Tensor

from fortifai.contract.metric_inputs import MetricInputs

from ...image.metrics import classes, distances, features_of, neighbours
from .view import AudioAdapter, as_pictures


def audio_frechet(inputs: MetricInputs[AudioAdapter]) -> float:
    """Return the root of the Frechet distance between synthetic and held-out real clips: >= 0, in the length of their features.

    Of Gaussians fitted to the features; see `frechet` of images. S >= 2.
    """
    return distances.frechet(as_pictures(inputs))


def kad(inputs: MetricInputs[AudioAdapter]) -> float:
    """Return the kernel audio distance between synthetic and held-out real clips; 0 for equal laws, at most 2.

    The squared maximum mean discrepancy of features under a Gaussian kernel as wide as the median distance between two real
    clips, estimated without bias (Chung et al., "KAD: No More FAD!", 2025, without their factor of 1,000), so that it may fall
    below 0. S >= 2.
    """
    return inputs.shared("kad", lambda: _kad(inputs))


def kad_root(inputs: MetricInputs[AudioAdapter]) -> float:
    """Return the root of the kernel audio distance, in [0, 1.5]: on the scale of a distance, 0 where its estimate is below 0."""
    return math.sqrt(max(kad(inputs), 0.0))


def audio_precision(inputs: MetricInputs[AudioAdapter]) -> float:
    """Return the share of synthetic clips in the neighbourhood of a real one, in [0, 1]; see `precision` of images."""
    return neighbours.precision(as_pictures(inputs))


def audio_recall(inputs: MetricInputs[AudioAdapter]) -> float:
    """Return the share of real clips in the neighbourhood of a synthetic one, in [0, 1]; see `recall` of images."""
    return neighbours.recall(as_pictures(inputs))


def nearest_clip(inputs: MetricInputs[AudioAdapter]) -> float:
    """Return how near synthetic clips are to a training clip, relative to unseen real ones: 0 = copies, 1 = no nearer.

    See `memorisation` of images.
    """
    return neighbours.memorisation(as_pictures(inputs))


def digit_entropy(inputs: MetricInputs[AudioAdapter]) -> float:
    """Return the entropy of what is said in synthetic clips, as the classifier of the pool hears it, in bits: 3.32 for ten alike.

    NaN where the source does not say what is said.
    """
    return classes.class_entropy(as_pictures(inputs))


def dead_digits(inputs: MetricInputs[AudioAdapter]) -> float:
    """Return how many labels are heard in less than a tenth of their real share of clips: 0 ... number of labels - 1.

    NaN where the source does not say what is said.
    """
    return classes.dead_classes(as_pictures(inputs))


def squared_discrepancy(real: Tensor, synthetic: Tensor, width: float) -> float:
    """Return the squared maximum mean discrepancy under exp(-|x - y|^2 / 2 width^2), estimated without bias.

    Args:
        real: Features, float64 (R, D), R >= 2.
        synthetic: Features, float64 (S, D), S >= 2.
        width: Of the kernel, > 0.
    """
    within = sum(_off_diagonal_mean(_kernel(x, x, width)) for x in (real, synthetic))
    return within - 2 * float(_kernel(real, synthetic, width).mean())


def _kad(inputs: MetricInputs[AudioAdapter]) -> float:
    pictures = as_pictures(inputs)
    real = features_of.real(pictures)
    width = inputs.once("width of the kernel", lambda: float(torch.pdist(real).median()))
    return squared_discrepancy(real, features_of.synthetic(pictures), width)


def _kernel(a: Tensor, b: Tensor, width: float) -> Tensor:
    return torch.exp(-torch.cdist(a, b).square() / (2 * width**2))


def _off_diagonal_mean(kernel: Tensor) -> float:
    n = len(kernel)
    return float((kernel.sum() - kernel.diagonal().sum()) / (n * (n - 1)))
