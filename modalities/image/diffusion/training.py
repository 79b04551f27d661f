"""One fit: Adam on the squared error in predicting noise, under an objective, and a running average of the weights.

B images of a batch, C colours, H x W pixels. r^2 is the squared error of a pixel's predicted noise.
"""

from dataclasses import dataclass

import torch
from diffusers.models.unets.unet_2d import UNet2DModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.training_utils import EMAModel
from torch import Tensor

from fortifai.contract.samples import Samples
from fortifai.errors import Diverged
from fortifai.objectives import Objective
from fortifai.randomness import stream

from ..elements import MaskCount, elements_of
from .config import DiffusionConfig
from .network import BANDS, DiffusionModel, predict
from .process import add_noise, band_of, confidence, noising_process

ADAPTING_IMAGES = 256
"""Images that a threshold is estimated on before every epoch. The authors take about 2,048 samples; of pixels these are more."""

ANCHORING_BATCH = 256
"""Images that are noised at once where an anchor is measured; not a setting, since it decides which noise an image gets."""

MEAN_SQUARE_RATE = 0.05
"""How far the running mean of a band's squared error goes towards that of a batch: it remembers some 20 batches."""

SMALLEST_MEAN_SQUARE = 1e-30
"""Stands for a mean squared error of 0 where it divides."""


@dataclass(frozen=True)
class NoisePredictor:
    """What every step of a fit shares.

    Attributes:
        network: Predicts noise, on the device that it is trained on.
        process: Adds noise.
        config: Of the fit.
        precision: The type that products are computed in.
    """

    network: UNet2DModel
    process: DDIMScheduler
    config: DiffusionConfig
    precision: torch.dtype

    def squared_errors(self, batch: Samples, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Noise each image to a level of its own, drawn with the noise from ``rng``, and predict that noise.

        Returns:
            r^2, (B, C, H, W), and the band of each image's level, int64 (B,), both on the device.
        """
        x, device = batch["x"], self.network.device
        levels = torch.randint(self.config.noise_levels, (len(x),), generator=rng)
        noise = torch.randn(x.shape, generator=rng)
        noisy = add_noise(self.process, x, noise, levels)
        predicted = predict(self.network, noisy.to(device), levels.to(device), self.precision)
        return (predicted - noise.to(device)).square(), band_of(levels, self.config).to(device)


def train(
    model: DiffusionModel,
    samples: Samples,
    objective: Objective,
    config: DiffusionConfig,
    steps: int,
    precision: torch.dtype,
    seed: int,
) -> tuple[DiffusionModel, MaskCount]:
    """Train a model's network in place, on the device that it is on.

    Confidence is measured by the mean squared errors of the chain's first model, its reference. A model that has none yet, since
    it is the first, is measured by its own as they run, and its last are the reference. On the relative scale every model is
    measured by its own.

    Every epoch goes through the samples in a new order. What is drawn depends on ``seed``, the epoch and the step alone.

    Args:
        model: Where to start from.
        samples: The training set; ``x`` float32 (n, C, H, W) in [0, 1].
        objective: What weighs the elements.
        config: Noise levels, batch, learning rate, clip and decay of the average.
        steps: Of the optimiser, >= 0.
        precision: The type that products are computed in.
        seed: Of every random number.

    Returns:
        The model, which has the averaged weights, and how many elements the objective weighed and masked.

    Raises:
        Diverged: A loss is not finite.
    """
    predictor = NoisePredictor(model.network, noising_process(config), config, precision)
    weights, device = list(model.network.parameters()), model.network.device
    optimizer = torch.optim.Adam(weights, lr=config.learning_rate)
    scaler = torch.amp.grad_scaler.GradScaler(device.type, enabled=precision is torch.float16)
    average = EMAModel(weights, decay=config.ema)
    mean_squares, masks, step, epoch = model.mean_squares.to(device), MaskCount(), 0, 0
    fixed = None if objective.is_relative or model.reference is None else model.reference.to(device)
    while step < steps:
        scale = mean_squares if fixed is None else fixed
        current = _adapted(objective, predictor, scale, samples, stream("diffusion", "adapt", seed, epoch))
        order = torch.randperm(len(samples), generator=stream("diffusion", "order", seed, epoch))
        for index in order.split(config.batch)[: steps - step]:
            batch = samples.take(index)
            error, band = predictor.squared_errors(batch, stream("diffusion", "step", seed, step))
            weight = batch.weights().to(device, torch.float32)
            mean_squares = updated_mean_squares(mean_squares, error, band, weight)
            scale = mean_squares if fixed is None else fixed
            value = loss(error, confidence(error, _per_image(scale[band])), weight, current, masks)
            if not torch.isfinite(value):
                raise Diverged(f"the loss is {float(value.detach())} at step {step}")
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(value).backward()
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(weights, config.clip)
            scaler.step(optimizer)
            scaler.update()
            average.step(weights)
            step += 1
        epoch += 1
    average.copy_to(weights)
    final = mean_squares.cpu()
    return DiffusionModel(model.network, final, final.clone() if model.reference is None else model.reference), masks


@torch.no_grad()
def confidences(
    model: DiffusionModel, samples: Samples, objective: Objective, config: DiffusionConfig, precision: torch.dtype, draws: int
) -> Tensor:
    """Return the confidence in what an objective weighs, each image noised several times as in training, on the CPU.

    Args:
        model: On the device that it is to run on.
        samples: ``x`` float32 (n, C, H, W) in [0, 1].
        objective: What weighs the elements.
        config: Noise levels, and how many images are worked on at once.
        precision: The type that products are computed in.
        draws: How often each image is noised, every time to a level of its own.

    Returns:
        In [0, 1], (draws n, C, H, W) by pixel and (draws n,) by image.
    """
    predictor, rng = NoisePredictor(model.network, noising_process(config), config, precision), stream("diffusion", "anchors")
    scale = model.scale().to(model.network.device)
    parts = []
    for _ in range(draws):
        for index in torch.arange(len(samples)).split(ANCHORING_BATCH):
            error, band = predictor.squared_errors(samples.take(index), rng)
            parts.append(elements_of(objective, error, confidence(error, _per_image(scale[band])))[1].cpu())
    return torch.cat(parts)


def loss(error: Tensor, p: Tensor, weight: Tensor, objective: Objective, masks: MaskCount) -> Tensor:
    """Return the mean squared error over all pixels, a scalar; those that the objective masks count as 0.

    Cross entropy makes it DDPM's simple loss: a Gaussian's negative log-likelihood but for its scale, which would count low noise
    more than high.

    Args:
        error: r^2, (B, C, H, W).
        p: The confidence in every pixel, in [0, 1], the same shape.
        weight: Of every image, >= 0, (B,).
        objective: What weighs the elements.
        masks: Counts what the objective masks.
    """
    nll, p = elements_of(objective, _per_image(weight) * error, p)
    masks.add(objective, p)
    # A sample's error is the sum over its pixels. Over their number, its gradient is as long as by pixel, and clipped alike.
    return objective.loss(nll, p) * (p.numel() / error.numel())


def updated_mean_squares(mean_squares: Tensor, error: Tensor, band: Tensor, weight: Tensor) -> Tensor:
    """Return the running mean squares, (BANDS,), after a batch; bands without an image in it stay as they are.

    Args:
        mean_squares: Those before it, (BANDS,).
        error: r^2, (B, C, H, W).
        band: The band of every image's noise level, int64 (B,).
        weight: How much every image counts, >= 0, (B,).
    """
    image = error.detach().flatten(1).mean(1)
    mass = torch.zeros(BANDS, device=band.device).index_add_(0, band, weight)
    mean = torch.zeros(BANDS, device=band.device).index_add_(0, band, weight * image) / mass
    return torch.where(mass > 0, mean_squares.lerp(mean, MEAN_SQUARE_RATE), mean_squares).clamp_min(SMALLEST_MEAN_SQUARE)


def _adapted(objective: Objective, predictor: NoisePredictor, scale: Tensor, samples: Samples, rng: torch.Generator) -> Objective:
    """Return the objective of the coming epoch, its threshold estimated on images drawn at random."""

    @torch.no_grad()
    def measure() -> Tensor:
        some = samples.take(torch.randperm(len(samples), generator=rng)[:ADAPTING_IMAGES])
        error, band = predictor.squared_errors(some, rng)
        return elements_of(objective, error, confidence(error, _per_image(scale[band])))[1]

    return objective.adapt_to(measure)


def _per_image(values: Tensor) -> Tensor:
    """Reshape one number an image, (B,), so that it broadcasts over its pixels: (B, 1, 1, 1)."""
    return values[:, None, None, None]
