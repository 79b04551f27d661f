"""The autoencoder's adapter."""

from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.modality import Fit
from fortifai.contract.samples import Samples, Splits
from fortifai.objectives import Objective
from fortifai.randomness import integer_seed

from ..adapter import ImageAdapter
from . import network, training
from .config import VAEConfig
from .network import VAE, pixel_confidence, pixel_nll


class VAEAdapter(ImageAdapter[VAE]):
    """Convolutional variational autoencoders. The confidence in a pixel is that of its reconstruction: see `pixel_confidence`."""

    config: VAEConfig

    def fit(
        self, samples: Samples, validation: Samples, objective: Objective, init: VAE | None, rng: torch.Generator
    ) -> Fit[VAE]:
        """Train on from ``init``, or from random weights without one. Validation data is not used."""
        model = self._begin(samples, rng) if init is None else deepcopy(init)
        epochs = self.config.first_epochs if init is None and self.config.first_epochs else self.config.epochs
        seen = training.train(model, samples, objective, self.config, epochs, self.device(), rng)
        return Fit(model, seen.share, {"epochs": float(epochs)})

    @torch.no_grad()
    def sample(self, model: VAE, source: Samples, sampling: Sampling, rng: torch.Generator) -> Samples:
        """Decode as many latents as ``source`` has; a temperature multiplies the variance that they are drawn with.

        A sample is the decoder's mean, (n, C, S, S) in [0, 1], as the paper has it: no noise of single pixels is drawn.
        """
        latents = sampling.temperature**0.5 * torch.randn(len(source), self.config.latent, generator=rng)
        device = self.device()
        model.to(device).eval()
        parts = [torch.sigmoid(model.decode(z.to(device))).cpu() for z in latents.split(self.config.evaluation_batch)]
        model.cpu()
        return Samples({"x": torch.cat(parts)}, source.origin)  # the protocol stamps the generation

    def nll(self, model: VAE, samples: Samples) -> Tensor:
        """Negative log-likelihood of every pixel, (n, C, S, S), in nats: that of its reconstruction from the posterior's mean.

        The divergence from the prior, which belongs to the whole image, is spread over its pixels.
        """
        parts = []
        for logits, divergence, x in self._reconstructed(model, samples):
            parts.append((pixel_nll(logits, x) + (divergence / x[0].numel())[:, None, None, None]).cpu())
        return torch.cat(parts)

    def confidence(self, model: VAE, samples: Samples) -> Tensor:
        """Confidence in every pixel, (n, C, S, S), in [0, 1]: p(target) for black and white ones; see `pixel_confidence`."""
        return torch.cat([pixel_confidence(pixel_nll(y, x), x).cpu() for y, _, x in self._reconstructed(model, samples)])

    def save(self, model: VAE, folder: Path) -> None:
        """Write one safetensors file."""
        network.save(model, folder)

    def load_model(self, folder: Path) -> VAE:
        """Read it back."""
        return network.load(folder)

    def model_bytes(self, splits: Splits) -> int:
        """Four bytes a parameter, and a header."""
        with torch.device("meta"):
            model = self._network(splits.train)
        return 4 * sum(parameter.numel() for parameter in model.parameters()) + 2048

    def _begin(self, samples: Samples, rng: torch.Generator) -> VAE:
        with torch.random.fork_rng(devices=[]):  # layers draw their first weights from torch's own generator
            torch.manual_seed(integer_seed(rng))
            return self._network(samples)

    def _network(self, samples: Samples) -> VAE:
        _, colours, side, _ = samples["x"].shape
        return VAE(colours, side, self.config.channels, self.config.latent)

    @torch.no_grad()
    def _reconstructed(self, model: VAE, samples: Samples) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Give logits, divergence and images, batch by batch, on the device."""
        device = self.device()
        model.to(device).eval()
        batches = [x.to(device) for x in samples["x"].split(self.config.evaluation_batch)]
        found = [(*model(x), x) for x in batches]
        model.cpu()
        return found
