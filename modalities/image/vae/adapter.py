"""The autoencoder's adapter."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor

from fortifai.contract.modality import Fit, Likelihood
from fortifai.contract.samples import Samples
from fortifai.coupling.levels import grown
from fortifai.coupling.settings import blocks_of
from fortifai.device import device_of
from fortifai.objectives import Objective
from fortifai.randomness import integer_seed, stream

from ..adapter import ImageAdapter, on_device
from ..elements import weighs_images
from . import coupled, network, training
from .config import VAEConfig, VAESampling
from .elements import images_of, pixel_nll
from .network import VAE

DRAWN_AT_ONCE = 16
"""Images whose noise is drawn at once."""


class VAEAdapter(ImageAdapter[VAEConfig, VAESampling, VAE]):
    """Convolutional variational autoencoders. They are confident in what they reconstruct well: see `elements.weighed`."""

    @property
    def draws(self) -> int:
        """As configured; see `Modality.draws`."""
        return self.config.draws

    def fit(
        self, samples: Samples, objective: Objective, init: VAE | None, rng: torch.Generator, checkpoints: Path | None = None
    ) -> Fit[VAE]:
        """Train on from ``init``, or without one from random weights, or from what narrow models are coupled to.

        Notes ``epochs``, and keeps no checkpoints. Of a coupled model, epochs and masked share are those of the wide one alone.
        """
        epochs = self.config.first_epochs if init is None and self.config.first_epochs else self.config.epochs
        if init is not None:
            return self._trained(deepcopy(init), samples, objective, self.config, epochs, rng)
        if blocks_of(self.config.coupling) == 1:
            return self._trained(self._initial_model(self.config, rng), samples, objective, self.config, epochs, rng)
        return self._coupled(samples, objective, epochs, rng)

    @torch.no_grad()
    def sample(self, model: VAE, source: Samples, sampling: VAESampling, rng: torch.Generator) -> dict[str, Tensor]:
        """Decode as many latents as ``source`` has; `VAESampling` says what a temperature does, and how pixels are read out.

        Returns:
            ``x``, float32 (n, C, S, S) in [0, 1]; 0 and 1 where pixels are drawn.
        """
        latents = sampling.temperature**0.5 * torch.randn(len(source), self.config.latent, generator=rng)
        device = device_of(self.config.device)
        x = torch.empty(source["x"].shape)
        model.eval()
        with on_device(model, device):
            for z, images in zip(*(tensor.split(self.config.evaluation_batch) for tensor in (latents, x)), strict=True):
                logits = model.decode(z.to(device)).cpu()
                if sampling.pixels == "bernoulli":
                    # One number a pixel, in order, however many images are decoded at a time.
                    images.copy_(torch.rand(logits.shape, generator=rng) < torch.sigmoid(logits / sampling.temperature))
                else:
                    images.copy_(torch.sigmoid(logits))
        return {"x": x}

    def likelihood(self, model: VAE, samples: Samples) -> Likelihood:
        """Return negative log-likelihood and confidence of every pixel, each (n, C, S, S).

        The likelihood, in nats, is that of the reconstruction from one latent of the posterior; the divergence from the prior,
        which belongs to the whole image, is spread over its pixels, so that their sum is the bound of the image. The confidence,
        in [0, 1], is exp(-BCE): p(pixel) for black and white ones.

        The latents are drawn as in training, so that confidence here is what an objective weighs there; but from noise that is
        always the same, that of an image depending on its place alone.
        """
        nll, confidence = zip(*self._evaluated(model, samples), strict=True)
        return Likelihood(torch.cat(nll), torch.cat(confidence))

    def by_unit(self, likelihood: Likelihood, objective: Objective) -> Likelihood:
        """Return whole images, (n,), by their bound where the objective weighs them; otherwise the pixels as they are."""
        return images_of(likelihood) if weighs_images(objective) else likelihood

    def save(self, model: VAE, folder: Path) -> None:
        """Write one safetensors file."""
        network.save(model, folder)

    def load_model(self, folder: Path) -> VAE:
        """Return the model that `save` wrote, equal to the last bit."""
        return network.load(folder)

    def model_bytes(self) -> int:
        """Return four bytes a parameter, and those of a header."""
        with torch.device("meta"):
            model = self._network(self.config)
        return 4 * sum(parameter.numel() for parameter in model.parameters()) + 2048

    def _initial_model(self, config: VAEConfig, rng: torch.Generator) -> VAE:
        with torch.random.fork_rng(devices=[]):  # layers draw their first weights from torch's own generator
            torch.manual_seed(integer_seed(rng))
            return self._network(config)

    def _network(self, config: VAEConfig) -> VAE:
        _, colours, side, _ = self.splits.train["x"].shape
        return coupled.made(config, colours, side)

    def _trained(
        self, model: VAE, samples: Samples, objective: Objective, config: VAEConfig, epochs: int, rng: torch.Generator
    ) -> Fit[VAE]:
        device = device_of(config.device)
        with on_device(model, device):
            masks = training.train(model, samples, objective, config, epochs, device, rng)
        return Fit(model, masks.share, {"epochs": float(epochs)})

    def _coupled(self, samples: Samples, objective: Objective, epochs: int, rng: torch.Generator) -> Fit[VAE]:
        """Return a wide model grown from narrow ones by recursive block-diagonal coupling; see `fortifai.coupling`."""
        _, colours, side, _ = self.splits.train["x"].shape
        taken = coupled.passes_of(self.config, colours, side, epochs)

        def fit(times: int, parts: Sequence[Fit[VAE]]) -> Fit[VAE]:
            config = self.config.narrower(times)
            model = self._initial_model(config, rng)
            if parts:
                coupled.couple_from([part.model for part in parts], model)
            return self._trained(model, samples, objective, config, taken[times], rng)

        return grown(max(taken), fit)

    @torch.no_grad()
    def _evaluated(self, model: VAE, samples: Samples) -> Iterator[Likelihood]:
        """Yield the likelihood of one batch after the other, on the CPU, so that the device holds one batch at a time."""
        device = device_of(self.config.device)
        # For more images than there are: torch draws the last numbers of a tensor anew where their count is no multiple of 16.
        rows = -(-len(samples) // DRAWN_AT_ONCE) * DRAWN_AT_ONCE
        latent_noise = torch.randn(rows, self.config.latent, generator=stream("vae", "likelihood"))[: len(samples)]
        model.eval()
        with on_device(model, device):
            batches = (tensor.split(self.config.evaluation_batch) for tensor in (samples["x"], latent_noise))
            for part, noise in zip(*batches, strict=True):
                x = part.to(device)
                logits, divergence = model(x, noise.to(device))
                nll = pixel_nll(logits, x)
                bound = nll + (divergence / x[0].numel())[:, None, None, None]
                yield Likelihood(bound.cpu(), torch.exp(-nll).clamp(max=1).cpu())
