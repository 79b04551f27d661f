"""Distances between the features of synthetic and of held-out real images, by published implementations.

R real images, S synthetic images, D features.
"""

import math
import warnings
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from fortifai.contract.metric_inputs import MetricInputs
from fortifai.randomness import integer_seed

from ..adapter import ImageAdapter
from . import features_of

SUBSETS = 100
SUBSET_SIZE = 100
"""Images in a subset of KID, fewer where there are fewer: its mean does not depend on it."""


def frechet(inputs: MetricInputs[ImageAdapter]) -> float:
    """Return the Frechet distance between synthetic and held-out real images: >= 0, in the length of their features.

    The SQUARE ROOT of what is known as FID (Heusel et al., 2017): of |m - m'|^2 + tr(C + C' - 2 (C C')^1/2), Gaussians fitted
    to the features. 0 for a sample against itself; symmetric; two samples of one law are at a distance above 0 that shrinks as
    R and S grow, so compare it at one size only. For features of the pool's classifier, whose mean variance is 1, one image
    repeated is at about 11. S >= 2; fewer images than features will do. By torchmetrics; by clean-fid for features of Inception.
    """
    real, synthetic = features_of.real(inputs), features_of.synthetic(inputs)
    squared = clean_fid_frechet if inputs.adapter.extractor.name == "inception" else torchmetrics_frechet
    return math.sqrt(max(squared(real, synthetic), 0.0))  # rounding leaves a distance of 0 a little below it


def torchmetrics_frechet(a: Tensor, b: Tensor) -> float:
    """Return the squared Frechet distance, >= 0 up to rounding, by torchmetrics.

    It takes eigenvalues of C C', which exist whatever its rank; clean-fid takes a matrix root, which does not.

    Args:
        a: Features of a sample, float64 (n, D), n >= 2.
        b: Features of another, float64 (m, D), m >= 2.
    """
    metric = FrechetInceptionDistance(_Extracted(a.shape[1])).set_dtype(torch.float64)
    metric.update(a, real=True)
    metric.update(b, real=False)
    return float(metric.compute())


def clean_fid_frechet(a: Tensor, b: Tensor) -> float:
    """Return the same by clean-fid, as published, and by torchmetrics where clean-fid has no matrix root.

    It has none where C C' is singular, as of one image repeated: clean-fid would then add 1e-6 to both covariances or give up.

    Args:
        a: Features of real images, float64 (n, D), n >= 2.
        b: Features of synthetic images, float64 (m, D), m >= 2.
    """
    from cleanfid.fid import frechet_distance

    if bool((b == b[0]).all()):  # known to be singular, and the attempt takes half a minute
        return torchmetrics_frechet(a, b)
    (mean, covariance), (other_mean, other_covariance) = (
        (x.mean(axis=0), np.cov(x, rowvar=False)) for x in (a.numpy(), b.numpy())
    )
    try:
        with redirect_stdout(StringIO()), warnings.catch_warnings():  # stdout may be JSON
            warnings.simplefilter("ignore")
            squared = float(frechet_distance(mean, covariance, other_mean, other_covariance, eps=0.0))
    except ValueError:  # an imaginary component
        squared = math.nan
    return squared if math.isfinite(squared) else torchmetrics_frechet(a, b)


def kid(inputs: MetricInputs[ImageAdapter]) -> float:
    """Return the kernel distance (KID) between synthetic and held-out real images; 0 for equal laws.

    The squared maximum mean discrepancy of features under the kernel (x y / D + 1)^3, averaged over 100 random subsets of 100
    images (of all, where there are fewer), the same in every generation (Binkowski et al., 2018). It is unbiased, so it may fall
    below 0. S >= 2. By torchmetrics.
    """
    return _kernel_distance(inputs)[0]


def kid_spread(inputs: MetricInputs[ImageAdapter]) -> float:
    """Return the standard deviation of the kernel distance over its 100 subsets, >= 0: how uncertain a single one would be."""
    return _kernel_distance(inputs)[1]


def _kernel_distance(inputs: MetricInputs[ImageAdapter]) -> tuple[float, float]:
    """Return mean and standard deviation over subsets."""

    def measure() -> tuple[float, float]:
        real, synthetic = features_of.real(inputs), features_of.synthetic(inputs)
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):  # it draws from torch's own generator
            warnings.filterwarnings("ignore", message="Metric `Kernel Inception Distance` will save all")
            torch.manual_seed(integer_seed(inputs.stream("kid")))
            size = min(SUBSET_SIZE, len(real), len(synthetic))
            metric = KernelInceptionDistance(_Extracted(real.shape[1]), subsets=SUBSETS, subset_size=size)
            metric.update(real, real=True)
            metric.update(synthetic, real=False)
            mean, spread = metric.compute()
        return float(mean), float(spread)

    return inputs.shared("kid", measure)


class _Extracted(nn.Module):
    """A network for torchmetrics that returns its input: features, which were extracted before."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.num_features = dimensions

    def forward(self, features: Tensor) -> Tensor:
        return features
