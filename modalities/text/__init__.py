"""Text and causal language models."""

from fortifai.contract.declaration import ModalityDeclaration

from .metrics.declared import METRICS

declaration = ModalityDeclaration(
    name="text",
    version="1",
    summary="texts, by causal language models of Hugging Face",
    adapter="fortifai.modalities.text.adapter:LanguageModelAdapter",
    config="fortifai.modalities.text.config:LanguageModelConfig",
    data="fortifai.modalities.text.config:TextData",
    sampling="fortifai.modalities.text.config:Decoding",
    metrics=METRICS,
    requires=("transformers", "tokenizers"),
    extra="text",
)
