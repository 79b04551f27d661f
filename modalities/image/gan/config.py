"""What a suite, or a user, can set about adversarial networks. Imports no torch: listing and validating stay instant."""

from typing import Literal, Self

from pydantic import Field, model_validator

from fortifai.config import Identity

from ..config import ImageModelConfig

Augmentation = Literal["color", "translation", "cutout"]
JudgeName = Literal["classifier", "imagenet"]


class GANConfig(ImageModelConfig):
    """A small DCGAN, trained by Adam with differentiable augmentation, and frozen networks as further discriminators."""

    channels: Identity[int] = Field(32, ge=1, description="at half the side; at a quarter of it there are twice as many")
    latent: Identity[int] = Field(32, ge=1, description="dimensions of the latent space")
    loss: Identity[Literal["non-saturating", "hinge"]] = Field(
        "non-saturating", description="of hinge a discriminator's score is no log-odds, so that its confidence is no probability"
    )
    augment: Identity[tuple[Augmentation, ...]] = Field(
        ("color", "translation", "cutout"), description="of real and generated images alike, before any discriminator sees them"
    )
    judges: Identity[tuple[JudgeName, ...]] = Field(
        (), description="frozen networks as further discriminators: the pool's classifier, a network trained on ImageNet"
    )
    most_judges: Identity[int | None] = Field(
        None, ge=1, description="how many of them join, the most separating first; default: all"
    )
    judged: Identity[int | None] = Field(
        None, ge=1, description="images of a batch, real and generated each, that judges see, since they are slow; default: all"
    )
    penalty: Identity[float] = Field(
        1.0, ge=0, description="weight of the squared gradient of the discriminator's score in real images (R1)"
    )
    learning_rate: Identity[float] = Field(1e-3, gt=0)
    batch: Identity[int] = Field(64, ge=2, description="images a step, real and generated each")
    steps: Identity[int] = Field(
        200, ge=1, description="training steps of a fit, each one of the discriminators and of the generator"
    )
    first_steps: Identity[int | None] = Field(None, ge=1, description="training steps of a fit from scratch; default: steps")
    ema: Identity[float] = Field(
        0.99,
        ge=0,
        lt=1,
        description="decay of the running average of the generator that is read out",
    )

    @model_validator(mode="after")
    def _without_repeats(self) -> Self:
        for key, names in (("judges", self.judges), ("augment", self.augment)):
            if len(set(names)) < len(names):
                raise ValueError(f"{key}: {', '.join(names)} has one of them twice")
        if self.most_judges is not None and self.most_judges > len(self.judges):
            raise ValueError(f"most_judges: {self.most_judges} are more than the {len(self.judges)} judges")
        return self

    @property
    def label(self) -> str:
        """The kind of network, its channels, latent dimensions and judges, such as ``gan-16-z32+classifier``."""
        return "+".join([f"gan-{self.channels}-z{self.latent}", *self.judges])
