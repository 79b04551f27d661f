"""Text and causal language models."""

from fortifai.contract.declaration import Example, ModalityDeclaration

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
    # A byte-level model of one layer on Python's help topics, which are read ten times faster than the King James Bible.
    example=Example(
        model={
            "vocabulary": 256,
            "hidden_size": 32,
            "intermediate_size": 64,
            "layers": 1,
            "heads": 2,
            "training": {"learning_rate": 3e-3, "batch": 8, "epochs": 3},
        },
        data={"source": "python-topics", "block": 32, "most_held_out": 64},
        sampling={"new_tokens": 16, "context": 16},
        n=96,
        metric="bigram_js",
    ),
)
