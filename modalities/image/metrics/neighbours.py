"""What the nearest neighbours of images say: whether they look real, reach all that is real, or were learnt by heart.

In features, by Euclidean distance; between an image and its copy that is not 0 but 1e-6 or so, by rounding. R real test
images, S synthetic images. An image's neighbourhood is the open ball as far as its 5th nearest neighbour of its own kind.
"""

import torch
from torch import Tensor

from fortifai.contract.metric_inputs import MetricInputs

from . import features_of as compared

NEAREST = 5
NEARBY = 10
MOST_OF_POOL = 10_000


def precision(inputs: MetricInputs) -> float:
    """Share of synthetic images that lie in the neighbourhood of a real one, in [0, 1] (Kynkaanniemi et al., 2019)."""
    return float(_in_real_balls(inputs).any(dim=0).double().mean())


def recall(inputs: MetricInputs) -> float:
    """Share of real images that lie in the neighbourhood of a synthetic one, in [0, 1]; 0 for one image repeated."""
    within = _distances(inputs) < _radii(compared.synthetic(inputs))
    return float(within.any(dim=1).double().mean())


def density(inputs: MetricInputs) -> float:
    """Real neighbourhoods that a synthetic image lies in, over 5: >= 0, about 1 for equal laws (Naeem et al., 2020).

    Above 1 the synthetic images crowd where real ones are dense.
    """
    return float(_in_real_balls(inputs).sum(dim=0).double().mean() / NEAREST)


def coverage(inputs: MetricInputs) -> float:
    """Share of real images with a synthetic one in their neighbourhood, in [0, 1]; about 0.97 for equal laws and R = S."""
    return float(_in_real_balls(inputs).any(dim=1).double().mean())


def memorisation(inputs: MetricInputs) -> float:
    """How much nearer synthetic images are to a training image than unseen real images are: >= 0, 1 = no nearer, 0 = copies.

    Of an image, the distance to the nearest image of the training pool over its mean distance to the 10 nearest (as Carlini et
    al., 2023, with 50); of that the median over synthetic images, relative to the median over held-out test images. Both look at
    the same pool, so that its size favours neither; and a distance is set against others nearby, so that images in a dense
    region are hardly suspected. Images that are near to none, such as noise, bring it a little above 1. Of a larger pool,
    10,000 images are looked at, the same ones in every generation.
    """
    pool, unseen = inputs.once("memorisation", lambda: _pool(inputs))
    return _nearness(compared.synthetic(inputs), pool) / unseen


def _pool(inputs: MetricInputs) -> tuple[Tensor, float]:
    """Give the features of the pool, and how near to it held-out images are."""
    x = inputs.splits.train["x"]
    chosen = torch.randperm(len(x), generator=inputs.stream("memorisation"))[:MOST_OF_POOL]
    pool = compared.of_distinct(compared.extractor(inputs).features, x[chosen])
    return pool, _nearness(compared.real(inputs), pool)


def _nearness(features: Tensor, pool: Tensor) -> float:
    """Median over images of the distance to the nearest of the pool, relative to the mean of the 10 nearest."""
    nearest = torch.cdist(features, pool).topk(min(NEARBY, len(pool)), largest=False).values
    return float((nearest[:, 0] / nearest.mean(dim=1)).quantile(0.5))


def _in_real_balls(inputs: MetricInputs) -> Tensor:
    """Tell which synthetic images lie in the neighbourhood of which real ones, bool (R, S)."""
    radii = inputs.once("radii of the test split", lambda: _radii(compared.real(inputs)))
    return _distances(inputs) < radii[:, None]


def _distances(inputs: MetricInputs) -> Tensor:
    return inputs.shared("distances", lambda: torch.cdist(compared.real(inputs), compared.synthetic(inputs)))


def _radii(features: Tensor) -> Tensor:
    """Distance of each image to its 5th nearest other; an image is itself the nearest of all."""
    return torch.cdist(features, features).kthvalue(NEAREST + 1, dim=1).values
