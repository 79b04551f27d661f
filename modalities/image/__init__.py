"""Images, by variational autoencoders and by diffusion models: two modalities that share data, features and metrics."""

from fortifai.contract.declaration import ModalityDeclaration
from fortifai.objectives import Elements

from .metrics.declared import LATENT_SPREAD, LATENT_STD, METRICS

UNITS = ("pixel", "sample")
"""What an objective may weigh as one element: every pixel by itself, or a whole image."""

VAE = ModalityDeclaration(
    name="image-vae",
    version="2",
    summary="images, by convolutional variational autoencoders",
    adapter="fortifai.modalities.image.vae.adapter:VAEAdapter",
    config="fortifai.modalities.image.vae.config:VAEConfig",
    data="fortifai.modalities.image.config:ImageData",
    sampling="fortifai.modalities.image.vae.config:VAESampling",
    metrics=(*METRICS, LATENT_SPREAD, LATENT_STD),
    elements=Elements(units=UNITS, relative=True),
    requires=("torchvision", "torchmetrics", "mlxtend"),
    extra="image",
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
)
