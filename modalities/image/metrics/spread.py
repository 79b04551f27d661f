"""How varied images are: in their pixels, and in the latent space of a chain's first model."""

import math
from typing import Any

import torch
from torch import Tensor

from fortifai.contract.metric_inputs import MetricInputs

from ..features.batches import by_batches


def pixel_variance(inputs: MetricInputs) -> float:
    """Variance of a pixel over synthetic images, relative to held-out real ones: >= 0, 1 = as varied.

    Variances over images are averaged over pixels before the ratio is taken, so that pixels that are always blank count for
    nothing. Two-sided: noise raises it, blur and lost variety lower it; 0 for one image repeated.
    """
    real = inputs.once("pixel_variance", lambda: _variance(inputs.real["x"]))
    return _variance(inputs.synthetic["x"]) / real


def latent_spread(inputs: MetricInputs) -> float:
    """Spread of the synthetic images in the latent space of the chain's FIRST model, relative to real ones: >= 0, 1 = as varied.

    The root of the variance over images of the posterior's mean, averaged over latent dimensions; synthetic over held-out real.
    The encoder is that of generation 0, which saw real images only, whatever the generation that made the samples. That is
    ForTIFAI's measure of the loss of variety of a VAE. NaN where that encoder gives every real image the same mean.
    """
    model = inputs.first_model
    real = inputs.once("latent_spread", lambda: _latent_variance(model, inputs.real["x"]))
    return math.sqrt(_latent_variance(model, inputs.synthetic["x"]) / real) if real else math.nan


def _latent_variance(model: Any, x: Tensor) -> float:
    return _variance(by_batches(lambda part: model.encode(part)[0], x, torch.device("cpu")))


def _variance(x: Tensor) -> float:
    return float(x.double().var(dim=0, correction=0).mean())
