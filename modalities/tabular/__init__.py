"""Tabular data and Gaussian mixtures."""

import math
from typing import Literal

from fortifai.contract.declaration import ModalityDeclaration
from fortifai.contract.metric import Metric, Needs


def _metric(
    name: str,
    summary: str,
    better: Literal["lower", "higher", "target"],
    unit: str,
    valid: tuple[float, float],
    *,
    least_n: int = 1,
    target: float | None = None,
    needs: tuple[Needs, ...] = ("real", "synthetic"),
) -> Metric:
    compute = f"fortifai.modalities.tabular.metrics:{name}"
    return Metric(name, summary, better, unit, valid, least_n, needs, compute, target)


declaration = ModalityDeclaration(
    name="tabular",
    version="1",
    summary="tables of numbers, by Gaussian mixtures fitted with EM",
    adapter="fortifai.modalities.tabular.adapter:GaussianMixtureAdapter",
    config="fortifai.modalities.tabular.config:MixtureConfig",
    data="fortifai.modalities.tabular.config:TableData",
    sampling="fortifai.config:Sampling",
    metrics=(
        _metric(
            "sliced_wasserstein",
            "mean Wasserstein-1 distance over fixed random directions",
            "lower",
            "standard deviations",
            (0, math.inf),
        ),
        _metric(
            "energy_distance",
            "square root of the multivariate energy distance",
            "lower",
            "root standard deviations",
            (0, math.inf),
        ),
        _metric("ks_max", "Kolmogorov-Smirnov distance of the worst column", "lower", "probability", (0, 1)),
        _metric("ks_mean", "Kolmogorov-Smirnov distance, mean over columns", "lower", "probability", (0, 1)),
        _metric(
            "classifier_auc",
            "how well a classifier tells real from synthetic rows; 0.5 = not at all",
            "target",
            "area under the ROC curve",
            (0, 1),
            least_n=20,
            target=0.5,
        ),
        _metric(
            "variance_ratio",
            "total variance of synthetic over real rows",
            "target",
            "ratio",
            (0, math.inf),
            least_n=2,
            target=1.0,
        ),
        _metric("tail_mass", "share of the real tails that synthetic values reach", "higher", "share", (0, 1), least_n=50),
        _metric(
            "live_modes",
            "modes of a reference mixture that still receive a tenth of their real share",
            "higher",
            "modes",
            (0, 10),
            least_n=50,
            needs=("real", "synthetic", "train"),
        ),
    ),
)
