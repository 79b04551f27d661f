"""The autoencoder's adapter."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.modality import Fit, Likelihood
from fortifai.contract.samples import Samples
from fortifai.device import device_of
from fortifai.objectives import Objective
from fortifai.randomness import integer_seed

from ..adapter import ImageAdapter, on_device
from . import network, training
from .config import VAEConfig
from .network import VAE, pixel_confidence, pixel_nll


class VAEAdapter(ImageAdapter[VAEConfig, Sampling, VAE]):
    """Convolutional variational autoencoders. The confidence in a pixel is that of its reconstruction: see `pixel_confidence`."""

    def fit(
        self, samples: Samples, objective: Objective, init: VAE | None, rng: torch.Generator, checkpoints: Path | None = None
    ) -> Fit[VAE]:
        """Train on from ``init``, or from random weights without one. Notes ``epochs``, and keeps no checkpoints."""
        model = self._initial_model(rng) if init is None else deepcopy(init)
        epochs = self.config.first_epochs if init is None and self.config.first_epochs else self.config.epochs
        device = device_of(self.config.device)
        with on_device(model, device):
            masks = training.train(model, samples, objective, self.config, epochs, device, rng)
        return Fit(model, masks.share, {"epochs": float(epochs)})

    @torch.no_grad()
    def sample(self, model: VAE, source: Samples, sampling: Sampling, rng: torch.Generator) -> dict[str, Tensor]:
        """Decode as many latents as ``source`` has; a temperature multiplies the variance that they are drawn with.

        A sample is the decoder's mean, as in the paper: no noise of single pixels is drawn.

        Returns:
            ``x``, float32 (n, C, S, S) in [0, 1].
        """
        latents = sampling.temperature**0.5 * torch.randn(len(source), self.config.latent, generator=rng)
        device = device_of(self.config.device)
        model.eval()
        with on_device(model, device):
            parts = [torch.sigmoid(model.decode(z.to(device))).cpu() for z in latents.split(self.config.evaluation_batch)]
        return {"x": torch.cat(parts)}

    def likelihood(self, model: VAE, samples: Samples) -> Likelihood:
        """Return negative log-likelihood and confidence of every pixel, each (n, C, S, S).

        The likelihood, in nats, is that of the reconstruction from the posterior's mean; the divergence from the prior, which
        belongs to the whole image, is spread over its pixels. The confidence, in [0, 1], is p(target) for black and white pixels:
        see `pixel_confidence`.
        """
        nll, confidence = zip(*self._evaluated(model, samples), strict=True)
        return Likelihood(torch.cat(nll), torch.cat(confidence))

    def save(self, model: VAE, folder: Path) -> None:
        """Write one safetensors file."""
        network.save(model, folder)

    def load_model(self, folder: Path) -> VAE:
        """Return the model that `save` wrote, equal to the last bit."""
        return network.load(folder)

    def model_bytes(self) -> int:
        """Return four bytes a parameter, and those of a header."""
        with torch.device("meta"):
            model = self._network()
        return 4 * sum(parameter.numel() for parameter in model.parameters()) + 2048

    def _initial_model(self, rng: torch.Generator) -> VAE:
        with torch.random.fork_rng(devices=[]):  # layers draw their first weights from torch's own generator
            torch.manual_seed(integer_seed(rng))
            return self._network()

    def _network(self) -> VAE:
        _, colours, side, _ = self.splits.train["x"].shape
        return VAE(colours, side, self.config.channels, self.config.latent)

    @torch.no_grad()
    def _evaluated(self, model: VAE, samples: Samples) -> Iterator[Likelihood]:
        """Yield the likelihood of one batch after the other, on the CPU, so that the device holds one batch at a time."""
        device = device_of(self.config.device)
        model.eval()
        with on_device(model, device):
            for part in samples["x"].split(self.config.evaluation_batch):
                x = part.to(device)
                logits, divergence = model(x)
                nll = pixel_nll(logits, x)
                bound = nll + (divergence / x[0].numel())[:, None, None, None]
                yield Likelihood(bound.cpu(), pixel_confidence(nll, x).cpu())
