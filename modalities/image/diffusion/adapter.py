"""The diffusion model's adapter."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fortifai.contract.modality import Fit, Likelihood
from fortifai.contract.samples import Samples
from fortifai.device import device_of, product_type
from fortifai.errors import UserError
from fortifai.objectives import Objective
from fortifai.randomness import integer_seed

from ..adapter import ImageAdapter, on_device
from ..elements import elements_of
from . import network, process, training
from .config import DiffusionConfig, DiffusionSampling
from .network import DiffusionModel
from .sampling import draw

ANCHORING_DRAWS = 4
"""How often a validation image is noised where an anchor is measured: 2,000 numbers of 500 images tell a quantile to 1 %."""


class DiffusionAdapter(ImageAdapter[DiffusionConfig, DiffusionSampling, DiffusionModel]):
    """Denoising diffusion models. An element is the noise of a pixel, which the model predicts, at some noise level.

    Its confidence is exp(-r^2 / 2 s^2): r what the prediction is off by, s^2 the mean of r^2 in the band of noise levels at the
    end of the chain's first fit, which is handed on from model to model. So it separates what is denoised well from what is not
    at every noise level alike, though r itself is far smaller at some than at others; and it grows as models denoise their own
    samples ever better. On the relative scale s^2 is the model's own running mean instead, and it does not.

    Were r a Gaussian, 35 % of all pixels would have a confidence above 0.9. It has heavier tails: of generation 0 of
    `image-diffusion`, 69 % have, but carry 2.8 % of the squared error: masking them leaves the loss nearly as it is. That of a
    whole image (``unit=sample``: the exponential of the mean of -r^2 / 2 s^2) is near 0.65; 32 % are above 0.7, and carry 16 %
    (benchmarks/diffusion_confidence.py).
    """

    def check(self, n: int) -> None:
        """Raise UserError as for every image model, and for sides that the levels of the UNet cannot halve."""
        super().check(n)
        halvings, (height, width) = len(self.config.channels) - 1, self.splits.train["x"].shape[-2:]
        if height % 2**halvings or width % 2**halvings:
            raise UserError(
                f"images of {height} x {width} pixels cannot be halved {halvings} times, as a UNet of {halvings + 1} levels does:"
                f" a side must be a multiple of {2**halvings}; change data.size or shorten model.channels"
            )

    def fit(
        self,
        samples: Samples,
        objective: Objective,
        init: DiffusionModel | None,
        rng: torch.Generator,
        checkpoints: Path | None = None,
    ) -> Fit[DiffusionModel]:
        """Train on from ``init``, or from random weights without one. Keeps no checkpoints.

        A fit goes on from the model that samples were drawn from: from the averaged weights, with a new average and new moments
        of Adam. Notes ``steps`` and ``squared_error``, the mean of s^2 over bands.
        """
        seed = integer_seed(rng)
        start = network.initial_model(self.config, self.splits.train["x"], seed) if init is None else deepcopy(init)
        steps = self.config.first_steps if init is None and self.config.first_steps else self.config.steps
        device, precision = self._device_and_precision()
        with on_device(start.network, device):
            model, masks = training.train(start, samples, objective, self.config, steps, precision, seed)
        return Fit(model, masks.share, {"steps": float(steps), "squared_error": float(model.mean_squares.mean())})

    def sample(
        self, model: DiffusionModel, source: Samples, sampling: DiffusionSampling, rng: torch.Generator
    ) -> dict[str, Tensor]:
        """Draw as many images as ``source`` has; `DiffusionSampling` says what a temperature does.

        Returns:
            ``x``, float32 (n, C, H, W) in [0, 1].

        Raises:
            UserError: The steps of ``sampling`` do not divide the noise levels.
            Diverged: The images are not finite.
        """
        device, precision = self._device_and_precision()
        with on_device(model.network, device):
            return {"x": draw(model.network, source["x"].shape, sampling, self.config, precision, rng)}

    def likelihood(self, model: DiffusionModel, samples: Samples) -> Likelihood:
        """Return negative log density of, and confidence in, the noise of every pixel, each (n, C, H, W), averaged over levels.

        What is predicted is noise, so the density, in nats, is that of the noise conditional on the noisy image: a denoising
        error on the scale of nats, and neither the likelihood of the image nor a bound of it. It may be negative. There are five
        noise levels, each with one fixed draw of noise, the same for all images and models.

        The confidence, in [0, 1], is a mean of five and seldom near 0 or 1: what an objective weighs in training is every level's
        own, which spreads wider.
        """
        device, precision = self._device_and_precision()
        batches = []
        with on_device(model.network, device):
            for part in samples["x"].split(self.config.evaluation_batch):
                levels = [
                    (process.nll(error, mean_square), process.confidence(error, mean_square))
                    for error, mean_square in process.squared_errors(model, part.to(device), self.config, precision)
                ]
                batches.append([torch.stack(values).mean(0).cpu() for values in zip(*levels, strict=True)])
        nll, confidence = (torch.cat(parts) for parts in zip(*batches, strict=True))
        return Likelihood(nll, confidence)

    def by_unit(self, likelihood: Likelihood, objective: Objective) -> Likelihood:
        """Return images, (n,), where the objective weighs them: their sum of nll, and the geometric mean of confidence."""
        return Likelihood(*elements_of(objective, *likelihood))

    def anchors(self, model: DiffusionModel, objective: Objective, q: float) -> Tensor:
        """Return the quantile of confidence in validation images, noised as in training, over all noise levels together: (1,).

        One number serves all levels, since errors are measured by their own band's. `likelihood`, a mean over levels, spreads
        less than what an objective weighs.
        """
        device, precision = self._device_and_precision()
        with on_device(model.network, device):
            measured = training.confidences(model, self.splits.validation, objective, self.config, precision, ANCHORING_DRAWS)
        return torch.from_numpy(np.quantile(measured.double().numpy(), [q]))

    def guided(self, model: DiffusionModel, away_from: DiffusionModel, scale: float) -> DiffusionModel:
        """Return a model that sees (1 + scale) times the noise that one sees, less scale times what the other sees."""
        return network.guided(model, away_from, scale)

    def save(self, model: DiffusionModel, folder: Path) -> None:
        """Write safetensors, and the network's arguments as JSON."""
        network.save(model, folder)

    def load_model(self, folder: Path) -> DiffusionModel:
        """Return the model that `save` wrote, equal to the last bit."""
        return network.load(folder)

    def model_bytes(self) -> int:
        """Return four bytes a parameter, and those of the headers."""
        return 4 * network.parameter_count(self.config, self.splits.train["x"]) + 16384

    def _device_and_precision(self) -> tuple[torch.device, torch.dtype]:
        device = device_of(self.config.device)
        return device, product_type(self.config.precision, device)
