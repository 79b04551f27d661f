"""What a suite, or a user, can set about images, whatever models them. Imports no torch: listing and validating stay instant."""

from typing import Literal

from pydantic import Field, model_validator

from fortifai.config import Frozen, Identity, ModelConfig, Runtime
from fortifai.device import DeviceName


class ImageModelConfig(ModelConfig):
    """What can be set about every model of images: where it runs, and how many images it works on at once."""

    device: Runtime[DeviceName] = "auto"
    evaluation_batch: Runtime[int] = Field(256, ge=1, description="images at once where no gradient is needed")


class ImageData(Frozen):
    """Which images, how large, how they are split, and by which features they are compared. A plain string is ``source``."""

    source: Identity[str] = Field(
        "mnist-5k",
        min_length=1,
        description="bundled: mnist-5k, digits; of torchvision: mnist, fashion-mnist, cifar-10; or a folder of images",
    )
    root: Runtime[str | None] = Field(None, description="folder in which torchvision finds its data sets; nothing is downloaded")
    size: Identity[int | None] = Field(
        None, ge=8, multiple_of=4, description="pixels of a side, such as 8, 16, 28; default: the source's"
    )
    validation: Identity[float] = Field(0.1, gt=0, lt=0.5, description="share of the images held out for validation")
    test: Identity[float] = Field(0.15, gt=0, lt=0.5, description="share of the images held out for testing")
    most_held_out: Identity[int] = Field(2000, ge=1, description="most images in the validation and in the test split, each")
    seed: Identity[int] = Field(0, ge=0, description="of the split")
    binary: Identity[bool] = Field(
        False, description="pixels black and white, each drawn once with its grey value as the probability of white"
    )
    features: Identity[Literal["auto", "classifier", "imagenet", "inception"]] = Field(
        "auto",
        description="by which images are compared; auto: a classifier of the pool for labelled grey images, else imagenet",
    )
    inception: Runtime[str | None] = Field(
        None, description="file of the Inception weights of clean-fid; default: the one in the cache folder (FORTIFAI_CACHE)"
    )

    @model_validator(mode="before")
    @classmethod
    def _source_alone(cls, value: object) -> object:
        return {"source": value} if isinstance(value, str) else value
