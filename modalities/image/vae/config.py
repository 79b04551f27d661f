"""What a suite, or a user, can set about autoencoders. Imports no torch: listing and validating stay instant."""

from pydantic import Field

from fortifai.config import Identity, ModelConfig, Runtime


class VAEConfig(ModelConfig):
    """A variational autoencoder of two convolutions each way, and how it is trained: Adam on BCE + beta KL."""

    channels: Identity[int] = Field(16, ge=1, description="of the first convolution; the second has twice as many")
    latent: Identity[int] = Field(20, ge=1, description="dimensions of the latent space")
    beta: Identity[float] = Field(1.0, ge=0, description="weight of the KL term")
    learning_rate: Identity[float] = Field(1e-3, gt=0)
    batch: Identity[int] = Field(64, ge=1, description="images a step")
    epochs: Identity[int] = Field(25, ge=1, description="passes over the training set")
    first_epochs: Identity[int | None] = Field(None, ge=1, description="passes of a fit from scratch; default: epochs")
    device: Runtime[str] = Field(
        "auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="where it runs; auto takes cuda where there is one"
    )
    evaluation_batch: Runtime[int] = Field(256, ge=1, description="images at once where no gradient is needed")

    @property
    def label(self) -> str:
        """The kind of model, its channels and its latent dimensions."""
        return f"vae-{self.channels}-{2 * self.channels}-z{self.latent}"
