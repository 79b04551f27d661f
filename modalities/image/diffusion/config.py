"""What a suite, or a user, can set about diffusion models. Imports no torch: listing and validating stay instant."""

from typing import Annotated, Literal, Self

from pydantic import Field

from fortifai.config import Identity, ModelConfig, Runtime, Sampling
from fortifai.errors import UserError

from ..config import ImageModelConfig

Channels = Annotated[int, Field(ge=4)]


class DiffusionConfig(ImageModelConfig):
    """A denoising diffusion model: an unconditional UNet that predicts noise, trained by Adam on its squared error."""

    channels: Identity[tuple[Channels, ...]] = Field(
        (16, 32, 32), min_length=1, description="of each level of the UNet, finest first; every level after it halves the sides"
    )
    layers_per_block: Identity[int] = Field(1, ge=1, description="residual blocks of a level, on the way down")
    attention: Identity[bool] = Field(False, description="self-attention, in the coarsest level and in the middle")
    noise_levels: Identity[int] = Field(1000, ge=20, description="steps of the noising process")
    # The linear schedule was made for 256 pixels a side. In small images there is less to average over, and noise drowns them
    # long before its last levels, which are then trained for nothing (Nichol and Dhariwal, 2021, section 3.2).
    schedule: Identity[Literal["cosine", "linear"]] = Field("cosine", description="how fast the noise grows from level to level")
    learning_rate: Identity[float] = Field(2e-3, gt=0)
    clip: Identity[float] = Field(1.0, gt=0, description="largest norm of a gradient")
    batch: Identity[int] = Field(64, ge=1, description="images a step")
    steps: Identity[int] = Field(400, ge=1, description="training steps of a fit")
    first_steps: Identity[int | None] = Field(None, ge=1, description="training steps of a fit from scratch; default: steps")
    ema: Identity[float] = Field(
        0.995,
        ge=0,
        le=1,
        description="decay of the running average of the weights that is read out; early in a fit it is shorter",
    )
    precision: Runtime[Literal["auto", "float32", "bfloat16", "float16"]] = Field(
        "auto", description="of the products; auto: bfloat16 on a GPU that has it"
    )

    @property
    def label(self) -> str:
        """The kind of network and the channels of its levels, such as ``unet-16-32-32``."""
        return "unet-" + "-".join(map(str, self.channels))

    def fit_passes(self, *, warm: bool) -> int:
        """Return the training steps of a fit."""
        return self.steps if warm or self.first_steps is None else self.first_steps

    def with_fit_passes(self, passes: int) -> Self:
        """Return the same with fits of so many training steps."""
        return self.model_copy(update={"steps": passes, "first_steps": None})


class DiffusionSampling(Sampling):
    """How images are drawn: by DDIM, which goes through some of the noise levels.

    ``temperature`` multiplies the variance of all noise that is drawn: of what the images begin as, and of what every step adds.
    With ``eta`` 0 a step adds none, so there it is the temperature of the initial noise alone.
    """

    steps: Identity[int] = Field(50, ge=1, description="denoising steps; must divide model.noise_levels")
    # With 0, what small networks get wrong adds up: after 1,500 steps on 600 MNIST digits of 16 x 16 their samples were too
    # bright by a third (20 steps) or a quarter (50), with 1 by a tenth (both).
    eta: Identity[float] = Field(1.0, ge=0, le=1, description="share of noise added in every step: 0 none (DDIM), 1 all (DDPM)")

    def require(self, model: ModelConfig) -> None:
        """Raise UserError for steps that do not divide the noise levels: diffusers would go back by another number than it went.

        Raises:
            TypeError: The configuration is not that of a diffusion model.
        """
        if not isinstance(model, DiffusionConfig):
            raise TypeError(f"DiffusionSampling is for models of a DiffusionConfig: got {type(model).__name__}")
        if model.noise_levels % self.steps:
            raise UserError(f"steps = {self.steps} must divide model.noise_levels = {model.noise_levels}")
