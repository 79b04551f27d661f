"""Models whose recursion has a closed form: a Gaussian, a categorical distribution and a linear regression.

They carry the laws that `fortifai calibrate` holds the protocol to. Each can run one chain, or, by a chain axis in its data, many
at once; see `batch`.
"""

import math

from fortifai.contract.declaration import Example, ModalityDeclaration
from fortifai.contract.metric import Metric
from fortifai.objectives import Elements

EXAMPLE = Example(data={"rows": 4000, "held_out": 500}, n=1000)

GAUSSIAN = ModalityDeclaration(
    name="analytic-gaussian",
    version="2",
    summary="a standard normal distribution, by a Gaussian fitted in closed form",
    adapter="fortifai.modalities.analytic.gaussian:GaussianAdapter",
    config="fortifai.modalities.analytic.config:GaussianConfig",
    data="fortifai.modalities.analytic.config:AnalyticData",
    example=EXAMPLE,
    elements=Elements(density=True, relative=True),
    metrics=(
        Metric(
            compute="fortifai.modalities.analytic.metrics:gaussian_distance",
            summary="Wasserstein-2 distance of the moments to those of the truth",
            better="lower",
            unit="standard deviations",
            valid=(0, math.inf),
            reads=("synthetic",),
            least_n=2,
        ),
        Metric(
            compute="fortifai.modalities.analytic.metrics:gaussian_spread",
            summary="how far the standard deviation is from that of the truth, wherever the mean is",
            better="lower",
            unit="standard deviations",
            valid=(0, math.inf),
            reads=("synthetic",),
            least_n=2,
        ),
    ),
)
CATEGORICAL = ModalityDeclaration(
    name="analytic-categorical",
    version="1",
    summary="a categorical distribution, fitted by counting",
    adapter="fortifai.modalities.analytic.categorical:CategoricalAdapter",
    config="fortifai.modalities.analytic.config:CategoricalConfig",
    data="fortifai.modalities.analytic.config:AnalyticData",
    example=EXAMPLE,
    metrics=(
        Metric(
            compute="fortifai.modalities.analytic.metrics:frequency_distance",
            summary="total variation distance of the frequencies to the truth",
            better="lower",
            unit="probability",
            valid=(0, 1),
            reads=("synthetic",),
        ),
    ),
)
REGRESSION = ModalityDeclaration(
    name="analytic-regression",
    version="1",
    summary="a linear regression, fitted by least squares",
    adapter="fortifai.modalities.analytic.regression:RegressionAdapter",
    config="fortifai.modalities.analytic.config:RegressionConfig",
    data="fortifai.modalities.analytic.config:AnalyticData",
    example=EXAMPLE,
    metrics=(
        Metric(
            compute="fortifai.modalities.analytic.metrics:response_distance",
            summary="Wasserstein-2 distance of the responses' moments to the truth",
            better="lower",
            unit="noise deviations",
            valid=(0, math.inf),
            reads=("synthetic",),
            least_n=2,
        ),
    ),
)
