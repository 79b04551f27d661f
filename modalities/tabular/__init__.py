"""Tabular data and Gaussian mixtures."""

import math

from fortifai.declaration import Metric, ModalityDeclaration

declaration = ModalityDeclaration(
    name="tabular",
    version="1",
    summary="tables of numbers, by Gaussian mixtures fitted with EM",
    adapter="fortifai.modalities.tabular.adapter:GaussianMixtureAdapter",
    config="fortifai.modalities.tabular.config:MixtureConfig",
    data="fortifai.modalities.tabular.config:TableData",
    sampling="fortifai.declaration:Sampling",
    metrics=(
        Metric(
            name="sliced_wasserstein",
            summary="mean Wasserstein-1 distance over fixed random directions",
            better="lower",
            unit="standard deviations",
            valid=(0.0, math.inf),
            least_n=1,
            needs=("real", "synthetic"),
            compute="fortifai.modalities.tabular.metrics:sliced_wasserstein",
        ),
    ),
)
