"""What the nearest neighbours of images say: whether they look real, reach all that is real, or were learnt by heart.

In features, by Euclidean distance; between an image and its copy that is not 0 but 1e-6 or so, by rounding. R real test
images, S synthetic images, D features. An image's neighbourhood is the open ball as far as its 5th nearest neighbour of its own
kind.
"""

import torch
from torch import Tensor

from fortifai.contract.metric_inputs import MetricInputs

from ..adapter import ImageAdapter
from . import features_of

NEAREST = 5
NEARBY = 10
MOST_OF_POOL = 10_000


def precision(inputs: MetricInputs[ImageAdapter]) -> float:
    """Return the share of synthetic images in the neighbourhood of a real one, in [0, 1] (Kynkaanniemi et al., 2019)."""
    return float(_in_real_balls(inputs).any(dim=0).double().mean())


def recall(inputs: MetricInputs[ImageAdapter]) -> float:
    """Return the share of real images in the neighbourhood of a synthetic one, in [0, 1]; 0 for one image repeated."""
    within = _distances(inputs) < _radii(features_of.synthetic(inputs))
    return float(within.any(dim=1).double().mean())


def density(inputs: MetricInputs[ImageAdapter]) -> float:
    """Return how many real neighbourhoods a synthetic image lies in, over 5: >= 0, about 1 for equal laws (Naeem et al., 2020).

    Above 1 the synthetic images crowd where real ones are dense.
    """
    return float(_in_real_balls(inputs).sum(dim=0).double().mean() / NEAREST)


def coverage(inputs: MetricInputs[ImageAdapter]) -> float:
    """Return the share of real images with a synthetic one in their neighbourhood, in [0, 1].

    It is about 0.97 for equal laws and R = S (Naeem et al., 2020).
    """
    return float(_in_real_balls(inputs).any(dim=1).double().mean())


def memorisation(inputs: MetricInputs[ImageAdapter]) -> float:
    """Return how near synthetic images are to a training image, relative to unseen real images: >= 0, 1 = no nearer, 0 = copies.

    Of an image, the distance to the nearest image of the training pool over its mean distance to the 10 nearest (as Carlini et
    al., 2023, with 50); of that the median over synthetic images, relative to the median over held-out test images. Both look at
    the same pool, so that its size favours neither; and a distance is set against others nearby, so that images in a dense
    region are hardly suspected. Images that are near to none, such as noise, bring it a little above 1. Of a larger pool,
    10,000 images are looked at, the same ones in every generation.
    """
    pool, unseen = inputs.once("memorisation", lambda: _pool(inputs))
    return _nearness(features_of.synthetic(inputs), pool) / unseen


def _pool(inputs: MetricInputs[ImageAdapter]) -> tuple[Tensor, float]:
    """Return the features of the pool, float64 (at most 10,000, D), and how near to it held-out images are."""
    x = inputs.splits.train["x"]
    chosen = torch.randperm(len(x), generator=inputs.stream("memorisation"))[:MOST_OF_POOL]
    pool = features_of.once_each(inputs.adapter.extractor.features, x[chosen])
    return pool, _nearness(features_of.real(inputs), pool)


def _nearness(features: Tensor, pool: Tensor) -> float:
    """Return the median over images of the distance to the nearest of the pool, relative to the mean of the 10 nearest."""
    nearest = torch.cdist(features, pool).topk(min(NEARBY, len(pool)), largest=False).values
    return float((nearest[:, 0] / nearest.mean(dim=1)).quantile(0.5))


def _in_real_balls(inputs: MetricInputs[ImageAdapter]) -> Tensor:
    """Return which synthetic images lie in the neighbourhood of which real ones, bool (R, S)."""
    radii = inputs.once("radii of the test split", lambda: _radii(features_of.real(inputs)))
    return _distances(inputs) < radii[:, None]


def _distances(inputs: MetricInputs[ImageAdapter]) -> Tensor:
    """Return the distance of every synthetic image to every real one, float64 (R, S)."""
    return inputs.shared("distances", lambda: torch.cdist(features_of.real(inputs), features_of.synthetic(inputs)))


def _radii(features: Tensor) -> Tensor:
    """Return the distance of each image, (n, D), to its 5th nearest other, (n,); an image is itself the nearest of all."""
    return torch.cdist(features, features).kthvalue(NEAREST + 1, dim=1).values
