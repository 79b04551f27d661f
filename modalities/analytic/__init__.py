"""Models whose recursion has a closed form: a Gaussian, a categorical distribution and a linear regression.

They carry the laws that `fortifai calibrate` holds the protocol to. Each can run one chain, or, by a chain axis in its data, many
at once; see `batch`.
"""

import math

from fortifai.contract.declaration import ModalityDeclaration
from fortifai.contract.metric import Metric

PACKAGE = "fortifai.modalities.analytic"


def _declare(kind: str, summary: str, metric: Metric) -> ModalityDeclaration:
    return ModalityDeclaration(
        name=f"analytic-{kind}",
        version="1",
        summary=summary,
        adapter=f"{PACKAGE}.{kind}:{kind.capitalize()}Adapter",
        config=f"{PACKAGE}.config:{kind.capitalize()}Config",
        data=f"{PACKAGE}.config:AnalyticData",
        sampling="fortifai.config:Sampling",
        metrics=(metric,),
    )


def _distance(name: str, summary: str, unit: str, largest: float, least_n: int) -> Metric:
    return Metric(name, summary, "lower", unit, (0, largest), least_n, ("synthetic",), f"{PACKAGE}.metrics:{name}")


GAUSSIAN = _declare(
    "gaussian",
    "a standard normal distribution, fitted by maximum likelihood",
    _distance(
        "gaussian_distance", "Wasserstein-2 distance of the moments to those of the truth", "standard deviations", math.inf, 2
    ),
)
CATEGORICAL = _declare(
    "categorical",
    "a categorical distribution, fitted by counting",
    _distance("frequency_distance", "total variation distance of the frequencies to the truth", "probability", 1, 1),
)
REGRESSION = _declare(
    "regression",
    "a linear regression, fitted by least squares",
    _distance(
        "response_distance", "Wasserstein-2 distance of the responses' moments to the truth", "noise deviations", math.inf, 2
    ),
)
