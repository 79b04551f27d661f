"""What a suite can set about networks that label every pixel, and about the scenes. Imports no torch."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from fortifai.config import Frozen, Identity, Runtime

from ..labels.config import RelabellingConfig

Channels = Annotated[int, Field(ge=2, le=256)]
Digit = Annotated[int, Field(ge=0, le=9)]


class UNetConfig(RelabellingConfig):
    """A small U-Net (Ronneberger et al., 2015) that turns every pixel into a semantic vector."""

    channels: Identity[tuple[Channels, ...]] = Field(
        (8, 16, 32, 48),
        min_length=1,
        max_length=5,
        description="of each level, finest first; each halves the sides",
    )
    learning_rate: Identity[float] = Field(4e-3, gt=0, le=1)
    batch: Identity[int] = Field(16, ge=1, description="scenes a step")

    @property
    def label(self) -> str:
        """The kind of network and the channels of its levels, such as ``unet-8-16-32-48``."""
        return "unet-" + "-".join(map(str, self.channels))


class SceneData(Frozen):
    """Scenes of handwritten digits on textured ground, and the digits that nobody labels in them."""

    source: Identity[Literal["mnist-5k", "digits", "mnist"]] = Field(
        "mnist-5k", description="of the digits; mnist is torchvision's"
    )
    root: Runtime[str | None] = Field(None, description="folder in which torchvision finds mnist; nothing is downloaded")
    unseen: Identity[tuple[Digit, ...]] = Field((0, 9), min_length=2, max_length=8, description="digits that are never labelled")
    side: Identity[int] = Field(24, ge=16, le=48, multiple_of=4, description="pixels of a side")
    digits: Identity[int] = Field(3, ge=1, le=4, description="digits in a scene")
    scenes: Identity[int] = Field(1500, ge=10, le=100_000, description="scenes of the training pool")
    held_out: Identity[int] = Field(300, ge=10, le=10_000, description="scenes in the validation and in the test split, each")
    seed: Identity[int] = Field(0, ge=0, description="of the scenes")

    @field_validator("unseen")
    @classmethod
    def _each_once_in_order(cls, unseen: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(unseen)) < len(unseen):
            raise ValueError(f"names a digit twice: {', '.join(map(str, unseen))}")
        return tuple(sorted(unseen))
