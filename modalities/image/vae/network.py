"""The autoencoder: two convolutions down to a latent space, two up to the logits of pixels, and more between them if asked for.

N images, C colours, S pixels a side, Z latent dimensions.
"""

import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

MODEL_FILE, SHAPE = "vae.safetensors", "shape"


class VAE(nn.Module):
    """A variational autoencoder with a standard normal prior and a Bernoulli decoder, as in the paper.

    Images are float32 (N, C, S, S) in [0, 1], S a multiple of 4.
    """

    def __init__(
        self, colours: int, side: int, channels: int, latent: int, decoder_activation: bool = True, depth: int = 0
    ) -> None:
        """Make the layers, their first weights drawn from torch's own generator.

        Args:
            colours: Channels of an image, C.
            side: Pixels of a side, S, a multiple of 4.
            channels: Channels of the first convolution; the second has twice as many.
            latent: Dimensions of the latent space, Z.
            decoder_activation: Whether a ReLU follows the decoder's linear layer.
            depth: Further convolutions of 3 x 3 each way, a ReLU after each, that keep the second one's channels and side.
        """
        super().__init__()
        self.shape = {
            "colours": colours,
            "side": side,
            "channels": channels,
            "latent": latent,
            "decoder_activation": decoder_activation,
            **({"depth": depth} if depth else {}),  # left out, so that a file without has the bytes that it always had
        }
        inner = 2 * channels * (side // 4) ** 2
        self.encoder = nn.Sequential(
            nn.Conv2d(colours, channels, 4, 2, 1), nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 4, 2, 1), nn.ReLU(),
            *_further(depth, 2 * channels),
            nn.Flatten(), nn.Linear(inner, 2 * latent),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(latent, inner), nn.ReLU() if decoder_activation else nn.Identity(),
            nn.Unflatten(1, (2 * channels, side // 4, side // 4)),
            *_further(depth, 2 * channels),
            nn.ConvTranspose2d(2 * channels, channels, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(channels, colours, 4, 2, 1),
        )  # fmt: skip

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the posterior's mean and log variance, each (N, Z), of images (N, C, S, S)."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, z: Tensor) -> Tensor:
        """Return the logits of pixels, (N, C, S, S), of latents (N, Z)."""
        logits: Tensor = self.decoder(z)
        return logits

    def forward(self, x: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Reconstruct images.

        Args:
            x: Images, (N, C, S, S).
            noise: Standard normal (N, Z), by which latents are drawn from the posterior; None takes the posterior's mean.

        Returns:
            The logits of the reconstruction, (N, C, S, S), and the KL divergence of the posterior from the prior in nats, (N,).
        """
        mean, log_variance = self.encode(x)
        latent = mean if noise is None else mean + (log_variance / 2).exp() * noise
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        return self.decode(latent), divergence


def _further(depth: int, channels: int) -> list[nn.Module]:
    return [layer for _ in range(depth) for layer in (nn.Conv2d(channels, channels, 3, 1, 1), nn.ReLU())]


def save(model: VAE, folder: Path) -> None:
    """Write the weights, and beside them in the same file the sizes of the layers: the same model, the same bytes."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    # As one entry: safetensors writes several in an order that changes from process to process.
    save_file(weights, folder / MODEL_FILE, metadata={SHAPE: json.dumps(model.shape)})


def load(folder: Path) -> VAE:
    """Return the model that `save` wrote, equal to the last bit."""
    with safe_open(folder / MODEL_FILE, framework="pt") as file:
        model = VAE(**json.loads(file.metadata()[SHAPE]))
        model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 (not a mapping)
    return model.eval()
