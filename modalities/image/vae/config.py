"""What a suite, or a user, can set about autoencoders. Imports no torch: listing and validating stay instant."""

from typing import Literal, Self

from pydantic import Field, model_validator

from fortifai.config import Identity, Sampling
from fortifai.coupling.settings import DENSE, CouplingName, blocks_of, check_widths, is_dense

from ..config import ImageModelConfig


class VAEConfig(ImageModelConfig):
    """A variational autoencoder of two convolutions each way, or more, and how it is trained: Adam on BCE + beta KL."""

    channels: Identity[int] = Field(16, ge=1, description="of the first convolution; the second has twice as many")
    latent: Identity[int] = Field(20, ge=1, description="dimensions of the latent space")
    depth: Identity[int] = Field(
        0, ge=0, exclude_if=lambda depth: depth == 0, description="further convolutions each way, next to the linear layers"
    )
    coupling: Identity[CouplingName] = Field(
        DENSE, exclude_if=is_dense, description="from scratch: dense, or block-diagonal:blocks=2, coupled from narrow models"
    )
    beta: Identity[float] = Field(1.0, ge=0, description="weight of the KL term")
    decoder_activation: Identity[bool] = Field(
        True, description="a ReLU after the decoder's linear layer; the paper has none there"
    )
    learning_rate: Identity[float] = Field(1e-3, gt=0)
    weight_decay: Identity[float] = Field(0.0, ge=0, description="of Adam, added to the gradient")
    batch: Identity[int] = Field(64, ge=1, description="images a step")
    epochs: Identity[int] = Field(25, ge=1, description="passes over the training set")
    first_epochs: Identity[int | None] = Field(None, ge=1, description="passes of a fit from scratch; default: epochs")

    draws: Identity[int] = Field(
        1, ge=1, description="sets of samples that the last model draws for a fit, which goes through another one each pass"
    )

    @model_validator(mode="after")
    def _goes_through_all_draws(self) -> Self:
        if self.draws > self.epochs:
            raise ValueError(f"draws: {self.draws} sets are more than the {self.epochs} passes (epochs) that go through them")
        return self

    @model_validator(mode="after")
    def _can_be_coupled(self) -> Self:
        check_widths(self.coupling, {"channels": self.channels, "latent": self.latent})
        return self

    @property
    def label(self) -> str:
        """The kind of model, the channels of its convolutions and its latent dimensions, such as ``vae-16-32-z20``.

        Further convolutions are written like ``vae-16-32+2-z20``, and blocks that it is coupled from like ``vae-16-32-z20-of-4``.
        """
        depth = f"+{self.depth}" if self.depth else ""
        blocks = blocks_of(self.coupling)
        return f"vae-{self.channels}-{2 * self.channels}{depth}-z{self.latent}{f'-of-{blocks}' if blocks > 1 else ''}"

    def narrower(self, times: int) -> Self:
        """Return a model of so many times fewer channels and latent dimensions, which is not coupled."""
        widths = {"channels": self.channels // times, "latent": self.latent // times}
        return self.model_copy(update={**widths, "coupling": DENSE})

    def fit_passes(self, *, warm: bool) -> int | None:
        """Return the epochs of a fit; None where narrow models are part of it."""
        if blocks_of(self.coupling) > 1:
            return None
        return self.epochs if warm or self.first_epochs is None else self.first_epochs

    def with_fit_passes(self, passes: int) -> Self:
        """Return the same with fits of so many epochs."""
        return self.model_copy(update={"epochs": passes, "first_epochs": None})


class VAESampling(Sampling):
    """How images are drawn: latents from the prior, and of each the decoder's means, or pixels drawn from them.

    ``temperature`` multiplies the variance of the latents; where pixels are drawn it divides their logits too. Both factors of
    the model's p(z) p(x | z) are then taken to the power of 1 / temperature and normalised.
    """

    pixels: Identity[Literal["means", "bernoulli"]] = Field(
        "means",
        description="means: the decoder's probabilities, grey, as in the paper; bernoulli: black and white, drawn from them",
    )
