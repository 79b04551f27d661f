"""Tabular data and Gaussian mixtures."""

from fortifai.declaration import ModalityDeclaration

declaration = ModalityDeclaration(
    name="tabular",
    version="1",
    summary="tables of numbers, by Gaussian mixtures fitted with EM",
    adapter="fortifai.modalities.tabular.adapter:GaussianMixtureAdapter",
    config="fortifai.modalities.tabular.config:MixtureConfig",
    data="fortifai.modalities.tabular.config:TableData",
    sampling="fortifai.declaration:Sampling",
)
