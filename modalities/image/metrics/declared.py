"""The metrics that images can be measured by, declared. Imports no torch."""

import math

from fortifai.contract.metric import Metric

METRICS: tuple[Metric, ...] = (
    Metric(
        compute="fortifai.modalities.image.metrics.distances:frechet",
        summary="root of the Frechet distance of image features",
        better="lower",
        unit="feature lengths",
        valid=(0, math.inf),
        least_n=2,
        reads=("real", "synthetic"),
    ),
    Metric(
        compute="fortifai.modalities.image.metrics.distances:kid",
        summary="kernel distance of image features (KID), mean over subsets",
        better="lower",
        unit="squared discrepancy",
        valid=(-math.inf, math.inf),
        least_n=2,
        reads=("real", "synthetic"),
    ),
    Metric(
        compute="fortifai.modalities.image.metrics.distances:kid_spread",
        summary="standard deviation of the kernel distance over subsets",
        better="lower",
        unit="squared discrepancy",
        valid=(0, math.inf),
        least_n=2,
        reads=("real", "synthetic"),
    ),
    Metric(
        compute="fortifai.modalities.image.metrics.neighbours:precision",
        summary="share of images that lie among real ones",
        better="higher",
        unit="share",
        valid=(0, 1),
        least_n=2,
        reads=("real", "synthetic"),
    ),
    Metric(
        compute="fortifai.modalities.image.metrics.neighbours:recall",
        summary="share of real images that lie among synthetic ones",
        better="higher",
        unit="share",
        valid=(0, 1),
        least_n=6,
        reads=("real", "synthetic"),
    ),
    Metric(
        compute="fortifai.modalities.image.metrics.neighbours:density",
        summary="real neighbourhoods that an image lies in; above 1 images crowd",
        better="target",
        target=1.0,
        unit="ratio",
        valid=(0, math.inf),
        least_n=2,
        reads=("real", "synthetic"),
    ),
    Metric(
        compute="fortifai.modalities.image.metrics.neighbours:coverage",
        summary="share of real images with a synthetic one near",
        better="higher",
        unit="share",
        valid=(0, 1),
        least_n=2,
        reads=("real", "synthetic"),
    ),
    Metric(
        compute="fortifai.modalities.image.metrics.neighbours:memorisation",
        summary="nearness to training images, relative to that of unseen ones; 0 = copies",
        better="target",
        target=1.0,
        unit="ratio",
        valid=(0, math.inf),
        least_n=2,
        reads=("real", "synthetic", "train"),
    ),
    Metric(
        compute="fortifai.modalities.image.metrics.classes:class_entropy",
        summary="entropy of the histogram of classes",
        better="higher",
        unit="bits",
        valid=(0, math.inf),
        least_n=2,
        reads=("synthetic", "train"),
    ),
    Metric(
        compute="fortifai.modalities.image.metrics.classes:dead_classes",
        summary="classes that receive less than a tenth of their real share",
        better="lower",
        unit="classes",
        valid=(0, math.inf),
        least_n=50,
        reads=("real", "synthetic", "train"),
    ),
    Metric(
        compute="fortifai.modalities.image.metrics.spread:pixel_variance",
        summary="variance of pixels over images, synthetic over real",
        better="target",
        target=1.0,
        unit="ratio",
        valid=(0, math.inf),
        least_n=2,
        reads=("real", "synthetic"),
    ),
)

LATENT_SPREAD = Metric(
    compute="fortifai.modalities.image.metrics.spread:latent_spread",
    summary="spread in the first generation's latent space, synthetic over real",
    better="target",
    target=1.0,
    unit="ratio",
    valid=(0, math.inf),
    least_n=2,
    reads=("real", "synthetic", "first_model"),
)
"""Of models with a latent space only; so is `LATENT_STD`."""

LATENT_STD = Metric(
    compute="fortifai.modalities.image.metrics.spread:latent_std",
    summary="standard deviation of latent means of 100 images under the first generation's encoder",
    better="higher",
    unit="prior standard deviations",
    valid=(0, math.inf),
    least_n=2,
    reads=("synthetic", "first_model"),
)
