"""What a suite, or a user, can set about autoencoders. Imports no torch: listing and validating stay instant."""

from pydantic import Field

from fortifai.config import Identity

from ..config import ImageModelConfig


class VAEConfig(ImageModelConfig):
    """A variational autoencoder of two convolutions each way, and how it is trained: Adam on BCE + beta KL."""

    channels: Identity[int] = Field(16, ge=1, description="of the first convolution; the second has twice as many")
    latent: Identity[int] = Field(20, ge=1, description="dimensions of the latent space")
    beta: Identity[float] = Field(1.0, ge=0, description="weight of the KL term")
    learning_rate: Identity[float] = Field(1e-3, gt=0)
    batch: Identity[int] = Field(64, ge=1, description="images a step")
    epochs: Identity[int] = Field(25, ge=1, description="passes over the training set")
    first_epochs: Identity[int | None] = Field(None, ge=1, description="passes of a fit from scratch; default: epochs")

    @property
    def label(self) -> str:
        """The kind of model, the channels of its convolutions and its latent dimensions, such as ``vae-16-32-z20``."""
        return f"vae-{self.channels}-{2 * self.channels}-z{self.latent}"
