"""Images, by variational autoencoders, diffusion models and adversarial networks: they share data, features and metrics."""

from fortifai.contract.declaration import Example, ModalityDeclaration
from fortifai.objectives import Elements

from .metrics.declared import LATENT_SPREAD, LATENT_STD, METRICS

UNITS = ("pixel", "sample")
"""What an objective may weigh as one element: every pixel by itself, or a whole image."""

VAE = ModalityDeclaration(
    name="image-vae",
    version="3",
    summary="images, by convolutional variational autoencoders",
    adapter="fortifai.modalities.image.vae.adapter:VAEAdapter",
    config="fortifai.modalities.image.vae.config:VAEConfig",
    data="fortifai.modalities.image.config:ImageData",
    sampling="fortifai.modalities.image.vae.config:VAESampling",
    metrics=(*METRICS, LATENT_SPREAD, LATENT_STD),
    elements=Elements(units=UNITS, relative=True),
    requires=("torchvision", "torchmetrics", "mlxtend"),
    extra="image",
    # Black and white pixels, since the likelihood of grey ones says more about how grey they are than about the model.
    example=Example(
        model={"channels": 8, "latent": 8, "epochs": 8, "batch": 32, "learning_rate": 3e-3},
        data={"source": "digits", "binary": True},
        sampling={"pixels": "bernoulli"},
        n=256,
    ),
    expected_failures={
        "the_relative_scale_is_used": "the entropy of black and white pixels, which the example has, is 0: both scales are one",
    },
)

DIFFUSION = ModalityDeclaration(
    name="image-diffusion",
    version="2",
    summary="images, by denoising diffusion models of diffusers",
    adapter="fortifai.modalities.image.diffusion.adapter:DiffusionAdapter",
    config="fortifai.modalities.image.diffusion.config:DiffusionConfig",
    data="fortifai.modalities.image.config:ImageData",
    sampling="fortifai.modalities.image.diffusion.config:DiffusionSampling",
    metrics=METRICS,
    elements=Elements(units=UNITS, relative=True, carried=True),
    requires=("diffusers", "torchvision", "torchmetrics", "mlxtend"),
    extra="image",
    example=Example(
        model={"channels": [8], "batch": 16, "steps": 30, "noise_levels": 20},
        data={"source": "digits"},
        sampling={"steps": 5},
        n=96,
    ),
)

GAN = ModalityDeclaration(
    name="image-gan",
    version="1",
    summary="images, by adversarial networks that frozen networks may judge",
    adapter="fortifai.modalities.image.gan.adapter:GANAdapter",
    config="fortifai.modalities.image.gan.config:GANConfig",
    data="fortifai.modalities.image.config:ImageData",
    metrics=METRICS,
    elements=Elements(implicit=True),
    requires=("torchvision", "torchmetrics", "mlxtend", "sklearn"),
    extra="image",
    example=Example(
        model={"channels": 8, "latent": 8, "steps": 40, "batch": 32, "judges": ["classifier"]},
        data={"source": "digits"},
        n=256,
    ),
    expected_failures={
        "confidence_keeps_its_scale": "a discriminator says how far images are from generated ones: of narrow data that the "
        "generator has learnt it is as unsure as of wide data, and its probability of both is a half",
    },
)
