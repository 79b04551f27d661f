"""The metrics that images can be measured by, declared. Imports no torch."""

import math
from typing import Literal

from fortifai.contract.metric import Metric, Needs

AGAINST_REAL: tuple[Needs, ...] = ("real", "synthetic")


def _metric(
    compute: str,
    summary: str,
    better: Literal["lower", "higher", "target"],
    unit: str,
    valid: tuple[float, float],
    *,
    least_n: int = 2,
    target: float | None = None,
    needs: tuple[Needs, ...] = AGAINST_REAL,
) -> Metric:
    name, where = compute.partition(":")[2], f"fortifai.modalities.image.{compute}"
    return Metric(name, summary, better, unit, valid, least_n, needs, where, target)


METRICS: tuple[Metric, ...] = (
    _metric("distances:frechet", "root of the Frechet distance of image features", "lower", "feature lengths", (0, math.inf)),
    _metric(
        "distances:kid",
        "kernel distance of image features (KID), mean over subsets",
        "lower",
        "squared discrepancy",
        (-math.inf, math.inf),
    ),
    _metric(
        "distances:kid_spread",
        "standard deviation of the kernel distance over subsets",
        "lower",
        "squared discrepancy",
        (0, math.inf),
    ),
    _metric("neighbours:precision", "share of images that lie among real ones", "higher", "share", (0, 1)),
    _metric("neighbours:recall", "share of real images that lie among synthetic ones", "higher", "share", (0, 1), least_n=6),
    _metric(
        "neighbours:density",
        "real neighbourhoods that an image lies in; above 1 images crowd",
        "target",
        "ratio",
        (0, math.inf),
        target=1.0,
    ),
    _metric("neighbours:coverage", "share of real images with a synthetic one near", "higher", "share", (0, 1)),
    _metric(
        "neighbours:memorisation",
        "nearness to training images, relative to that of unseen ones; 0 = copies",
        "target",
        "ratio",
        (0, math.inf),
        target=1.0,
        needs=("real", "synthetic", "train"),
    ),
    _metric(
        "classes:class_entropy",
        "entropy of the histogram of classes",
        "higher",
        "bits",
        (0, math.inf),
        needs=("synthetic", "train"),
    ),
    _metric(
        "classes:dead_classes",
        "classes that receive less than a tenth of their real share",
        "lower",
        "classes",
        (0, math.inf),
        least_n=50,
        needs=("real", "synthetic", "train"),
    ),
    _metric(
        "spread:pixel_variance",
        "variance of pixels over images, synthetic over real",
        "target",
        "ratio",
        (0, math.inf),
        target=1.0,
    ),
)

LATENT_SPREAD = _metric(
    "spread:latent_spread",
    "spread in the first generation's latent space, synthetic over real",
    "target",
    "ratio",
    (0, math.inf),
    target=1.0,
    needs=("real", "synthetic", "first_model"),
)
"""Of models with a latent space only."""
