"""One fit: Adam on the squared error in predicting noise, under an objective, and a running average of the weights.

B images of a batch, C colours, H x W pixels.
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

from ..elements import Masked, weighed
from .config import DiffusionConfig
from .network import BANDS, DiffusionModel, predict
from .process import band_of, confidence, noised, process_of

ADAPTING_IMAGES = 256
"""Images that a threshold is estimated on before every epoch. The authors take about 2,048 samples; of pixels these are more."""

PACE = 0.05
"""How far the running mean of a band's squared error goes towards that of a batch: it remembers some 20 batches."""

SMALLEST = 1e-30
"""Squared error that stands for 0 where it divides."""


@dataclass(frozen=True)
class Trainer:
    """What every step of a fit shares: a network on its device, the process, and the type of products."""

    network: UNet2DModel
    process: DDIMScheduler
    config: DiffusionConfig
    precision: torch.dtype

    def errors(self, batch: Samples, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Noise a batch, each image to a level of its own, and give r^2, (B, C, H, W), and the band of each level, (B,)."""
        x, device = batch["x"], self.network.device
        levels = torch.randint(self.config.noise_levels, (len(x),), generator=rng)
        noise = torch.randn(x.shape, generator=rng)
        noisy = noised(self.process, x, noise, levels)
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
) -> tuple[DiffusionModel, Masked]:
    """Train a model's network in place, where it is, and give the model that it becomes and what was masked.

    Every epoch goes through the samples in a new order. What is drawn depends on ``seed``, the epoch and the step alone.
    Raises Diverged when a loss is not finite.
    """
    trainer = Trainer(model.network, process_of(config), config, precision)
    weights, device = list(model.network.parameters()), model.network.device
    optimizer = torch.optim.Adam(weights, lr=config.learning_rate)
    scaler = torch.amp.grad_scaler.GradScaler(device.type, enabled=precision is torch.float16)
    average = EMAModel(weights, decay=config.ema)
    mean_squares, seen, step, epoch = model.mean_squares.to(device), Masked(), 0, 0
    while step < steps:
        current = _adapted(trainer, mean_squares, samples, objective, stream("diffusion", "adapt", seed, epoch))
        order = torch.randperm(len(samples), generator=stream("diffusion", "order", seed, epoch))
        for index in order.split(config.batch)[: steps - step]:
            batch = samples.take(index)
            error, band = trainer.errors(batch, stream("diffusion", "step", seed, step))
            weight = batch.weights().to(device, torch.float32)
            mean_squares = running(mean_squares, error, band, weight)
            value = loss(error, confidence(error, _each(mean_squares[band])), weight, current, seen)
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
    return DiffusionModel(model.network, mean_squares.cpu()), seen


def loss(error: Tensor, p: Tensor, weight: Tensor, objective: Objective, seen: Masked) -> Tensor:
    """Give the mean squared error over all pixels, those that the objective masks counted as 0.

    ``error`` and confidence ``p``: (B, C, H, W). ``weight``: of every image, (B,). Cross entropy makes it DDPM's simple loss: a
    Gaussian's negative log-likelihood but for its scale, which would count low noise more than high.
    """
    nll, p = weighed(objective, _each(weight) * error, p)
    seen.count(objective, p)
    # A sample's error is the sum over its pixels. Over their number, its gradient is as long as by pixel, and clipped alike.
    return objective.loss(nll, p) * (p.numel() / error.numel())


def running(mean_squares: Tensor, error: Tensor, band: Tensor, weight: Tensor) -> Tensor:
    """Give the running mean squares, (BANDS,), after a batch; bands without an image in it stay as they are.

    ``error``: r^2, (B, C, H, W). ``band``: of every image's noise level, ``weight``: how much it counts, both (B,).
    """
    image = error.detach().flatten(1).mean(1)
    mass = torch.zeros(BANDS, device=band.device).index_add_(0, band, weight)
    mean = torch.zeros(BANDS, device=band.device).index_add_(0, band, weight * image) / mass
    return torch.where(mass > 0, mean_squares.lerp(mean, PACE), mean_squares).clamp_min(SMALLEST)


@torch.no_grad()
def _adapted(trainer: Trainer, mean_squares: Tensor, samples: Samples, objective: Objective, rng: torch.Generator) -> Objective:
    """Give the objective of the coming epoch, its threshold estimated on images drawn at random."""
    if type(objective).adapt is Objective.adapt:  # fixed: nothing to estimate
        return objective
    some = samples.take(torch.randperm(len(samples), generator=rng)[:ADAPTING_IMAGES])
    error, band = trainer.errors(some, rng)
    return objective.adapt(weighed(objective, error, confidence(error, _each(mean_squares[band])))[1])


def _each(image: Tensor) -> Tensor:
    """Give one number an image, (B,), a shape that goes with its pixels, (B, 1, 1, 1)."""
    return image[:, None, None, None]
