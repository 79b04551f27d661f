"""How varied images are: in their pixels, and in the latent space of a chain's first model."""

import math

import torch
from torch import Tensor

from fortifai.contract.metric_inputs import MetricInputs

from ..adapter import ImageAdapter
from ..features.batches import in_batches
from ..vae.network import VAE

STD_IMAGES = 100
"""Images that `latent_std` is taken over, as many as the authors'."""


def pixel_variance(inputs: MetricInputs[ImageAdapter]) -> float:
    """Return the variance of a pixel over synthetic images, relative to held-out real ones: >= 0, 1 = as varied.

    Variances over images are averaged over pixels before the ratio is taken, so that pixels that are always blank count for
    nothing. Two-sided: noise raises it, blur and lost variety lower it; 0 for one image repeated.
    """
    real = inputs.once("pixel_variance", lambda: _variance(inputs.real["x"]))
    return _variance(inputs.synthetic["x"]) / real


def latent_spread(inputs: MetricInputs[ImageAdapter, VAE]) -> float:
    """Return the spread of the synthetic images in the latent space of the chain's FIRST model, relative to real ones: >= 0.

    The root of the variance over images of the posterior's mean, averaged over latent dimensions; synthetic over held-out real,
    so that 1 = as varied. The encoder is that of generation 0, which saw real images only, whatever the generation that made the
    samples. That is ForTIFAI's measure of the loss of variety of a VAE. NaN where that encoder maps every real image to the same
    mean.
    """
    model = inputs.first_model
    real = inputs.once("latent_spread", lambda: _latent_variance(model, inputs.real["x"]))
    return math.sqrt(_latent_variance(model, inputs.synthetic["x"]) / real) if real else math.nan


def latent_std(inputs: MetricInputs[ImageAdapter, VAE]) -> float:
    """Return the standard deviation of the latent means of at most 100 synthetic images under the chain's FIRST encoder: >= 0.

    Over all of their coordinates together, on the scale of the prior, whose is 1: the number that ForTIFAI's public notebook
    prints for each generation. `latent_spread` is relative to real images, and takes each dimension about a mean of its own.
    """
    return float(_latent_means(inputs.first_model, inputs.synthetic["x"][:STD_IMAGES]).double().std())


def _latent_means(model: VAE, x: Tensor) -> Tensor:
    return in_batches(lambda part: model.encode(part)[0], x, torch.device("cpu"))


def _latent_variance(model: VAE, x: Tensor) -> float:
    return _variance(_latent_means(model, x))


def _variance(x: Tensor) -> float:
    """Return the variance over images, (n, ...), averaged over what each of them holds."""
    return float(x.double().var(dim=0, correction=0).mean())
