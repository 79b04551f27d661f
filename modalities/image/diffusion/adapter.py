"""The diffusion model's adapter."""

from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.modality import Fit
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError
from fortifai.objectives import Objective
from fortifai.randomness import integer_seed

from ..adapter import ImageAdapter
from . import network, process, training
from .config import DiffusionConfig, DiffusionSampling
from .network import DiffusionModel
from .sampling import draw


class DiffusionAdapter(ImageAdapter[DiffusionModel]):
    """Denoising diffusion models. An element is the noise of a pixel, which the model predicts, at some noise level.

    Its confidence is exp(-r^2 / 2 s^2): r what the prediction is off by, s^2 the running mean of r^2 in the band of noise levels,
    a part of the model. So it tells what is denoised well from what is not at every noise level alike, though r itself is far
    smaller at some than at others.

    Were r a Gaussian, 35 % of all pixels would have a confidence above 0.9. It has heavier tails: of generation 0 of
    `image-diffusion`, 69 % have, but carry 2.8 % of the squared error: masking them leaves the loss nearly as it is. That of a
    whole image (``unit=sample``: the exponential of the mean of -r^2 / 2 s^2) is near 0.65; 32 % are above 0.7, and carry 16 %
    (benchmarks/diffusion_confidence.py).
    """

    config: DiffusionConfig

    def check(self, n: int, splits: Splits) -> None:
        """Refuse what every image model does, and sides that the levels of the UNet cannot halve."""
        super().check(n, splits)
        halvings, (height, width) = len(self.config.channels) - 1, splits.train["x"].shape[-2:]
        if height % 2**halvings or width % 2**halvings:
            raise UserError(
                f"images of {height} x {width} pixels cannot be halved {halvings} times, as a UNet of {halvings + 1} levels does:"
                f" a side must be a multiple of {2**halvings}; change data.size or shorten model.channels"
            )

    def fit(
        self, samples: Samples, validation: Samples, objective: Objective, init: DiffusionModel | None, rng: torch.Generator
    ) -> Fit[DiffusionModel]:
        """Train on from ``init``, or from random weights without one. Validation data is not used.

        A fit goes on from what generated: from the averaged weights, with a new average and new moments of Adam. Notes ``steps``
        and ``squared_error``, the mean of s^2 over bands.
        """
        seed = integer_seed(rng)
        start = network.begin(self.config, samples["x"], seed) if init is None else deepcopy(init)
        steps = self.config.first_steps if init is None and self.config.first_steps else self.config.steps
        device, precision = self._where()
        with network.on(device, start.network):
            model, seen = training.train(start, samples, objective, self.config, steps, precision, seed)
        return Fit(model, seen.share, {"steps": float(steps), "squared_error": float(model.mean_squares.mean())})

    def sample(self, model: DiffusionModel, source: Samples, sampling: Sampling, rng: torch.Generator) -> Samples:
        """Draw as many images as ``source`` has; `DiffusionSampling` says what a temperature does."""
        assert isinstance(sampling, DiffusionSampling)
        device, precision = self._where()
        with network.on(device, model.network):
            x = draw(model.network, source["x"].shape, sampling, self.config, precision, rng)
        return Samples({"x": x}, source.origin)  # the protocol stamps the generation

    def nll(self, model: DiffusionModel, samples: Samples) -> Tensor:
        """Negative log density of the noise of every pixel, (n, C, H, W), in nats, given the noisy image, averaged over levels.

        What is predicted is noise, so this is a denoising error on the scale of nats: no likelihood of the image, and no bound
        of one. It may be negative. Five noise levels, each with one fixed draw of noise, the same for all images and models.
        """
        return self._mean_over_levels(model, samples, process.nll)

    def confidence(self, model: DiffusionModel, samples: Samples) -> Tensor:
        """Confidence in the noise of every pixel, (n, C, H, W), in [0, 1], averaged over the noise levels of `nll`.

        A mean of five is seldom near 0 or 1: what an objective weighs in training is every level's own, which spreads wider.
        """
        return self._mean_over_levels(model, samples, process.confidence)

    def save(self, model: DiffusionModel, folder: Path) -> None:
        """Write safetensors, and the network's arguments as JSON."""
        network.save(model, folder)

    def load_model(self, folder: Path) -> DiffusionModel:
        """Read it back."""
        return network.load(folder)

    def model_bytes(self, splits: Splits) -> int:
        """Four bytes a parameter, and the headers."""
        return 4 * network.parameters(self.config, splits.train["x"]) + 16384

    def _where(self) -> tuple[torch.device, torch.dtype]:
        device = self.device()
        return device, network.precision_of(self.config, device)

    def _mean_over_levels(self, model: DiffusionModel, samples: Samples, measure: process.Measure) -> Tensor:
        device, precision = self._where()
        with network.on(device, model.network):
            parts = []
            for x in samples["x"].split(self.config.evaluation_batch):
                each = [measure(*found) for found in process.errors(model, x.to(device), self.config, precision)]
                parts.append(torch.stack(each).mean(0).cpu())
        return torch.cat(parts)
