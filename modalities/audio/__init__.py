"""Spoken clips: as tokens, by the language models of texts, and as log-mel pictures, by the autoencoder of images."""

from fortifai.contract.declaration import Example, ModalityDeclaration
from fortifai.objectives import Elements

from ..image import UNITS
from .metrics.declared import ASKED, METRICS

REQUIRES = ("torchaudio", "espeakng_loader", "torchvision", "torchmetrics")
FEW = {"speakers": 60, "most_held_out": 100}
"""Enough clips for the small example of either."""

TOKENS = ModalityDeclaration(
    name="audio-tokens",
    version="1",
    summary="spoken words as codes of a codebook, by causal language models",
    adapter="fortifai.modalities.audio.tokens.adapter:TokensAdapter",
    config="fortifai.modalities.audio.tokens.config:TokensConfig",
    data="fortifai.modalities.audio.config:AudioData",
    sampling="fortifai.modalities.audio.tokens.config:ClipDecoding",
    metrics=(*METRICS, *ASKED),
    requires=(*REQUIRES, "transformers", "tokenizers"),
    extra="audio",
    example=Example(
        model={
            "vocabulary": 64,
            "hidden_size": 32,
            "intermediate_size": 64,
            "layers": 1,
            "heads": 2,
            "training": {"learning_rate": 5e-3, "batch": 8, "epochs": 3},
        },
        data=FEW,
        n=96,
    ),
)

MEL = ModalityDeclaration(
    name="audio-mel",
    version="1",
    summary="spoken words as log-mel pictures, by convolutional variational autoencoders",
    adapter="fortifai.modalities.audio.mel.adapter:MelAdapter",
    config="fortifai.modalities.image.vae.config:VAEConfig",
    data="fortifai.modalities.audio.config:AudioData",
    sampling="fortifai.modalities.image.vae.config:VAESampling",
    metrics=METRICS,
    elements=Elements(units=UNITS, relative=True),
    requires=REQUIRES,
    extra="audio",
    example=Example(
        model={"channels": 8, "latent": 8, "epochs": 8, "batch": 32, "learning_rate": 3e-3},
        data=FEW,
        n=256,
    ),
    expected_failures={
        "confidence_keeps_its_scale": "no grey is likely under a Bernoulli decoder, and narrower data is greyer (docs/audio.md)",
    },
)
