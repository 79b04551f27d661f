"""What a suite, or a user, can set about autoencoders. Imports no torch: listing and validating stay instant."""

from typing import Literal, Self

from pydantic import Field, model_validator

from fortifai.config import Identity, Sampling

from ..config import ImageModelConfig


class VAEConfig(ImageModelConfig):
    """A variational autoencoder of two convolutions each way, and how it is trained: Adam on BCE + beta KL."""

    channels: Identity[int] = Field(16, ge=1, description="of the first convolution; the second has twice as many")
    latent: Identity[int] = Field(20, ge=1, description="dimensions of the latent space")
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

    @property
    def label(self) -> str:
        """The kind of model, the channels of its convolutions and its latent dimensions, such as ``vae-16-32-z20``."""
        return f"vae-{self.channels}-{2 * self.channels}-z{self.latent}"

    def fit_passes(self, *, warm: bool) -> int:
        """Return the epochs of a fit."""
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
