"""How likely a model finds what an objective weighs as one, and how confident it is in it: every pixel, or whole images.

N images, C colours, S pixels a side, D = C S S pixels in all. BCE is the binary cross entropy of a pixel with its reconstruction,
KL the divergence of an image's posterior from the prior; BCE summed over an image, plus KL, is the negative evidence lower bound
of its likelihood, in nats. Of black and white pixels BCE is exactly -log p(pixel | latent).
"""

import torch
from torch import Tensor
from torch.nn import functional

from fortifai.contract.modality import Likelihood
from fortifai.objectives import Objective

from ..elements import weighs_images


def pixel_nll(logits: Tensor, x: Tensor) -> Tensor:
    """Return the negative log-likelihood of every pixel under a Bernoulli decoder, in nats: BCE with soft targets.

    Args:
        logits: Of the reconstruction, (N, C, S, S).
        x: The pixels, in [0, 1], the same shape; so is what is returned.
    """
    return functional.binary_cross_entropy_with_logits(logits, x, reduction="none")


def pixel_entropy(x: Tensor) -> Tensor:
    """Return the entropy H of pixels as targets, in nats, the least that BCE can be: 0 for black and white, log 2 at 1/2.

    Args:
        x: The pixels, in [0, 1], (N, C, S, S); so is what is returned.
    """
    entropy: Tensor = -(torch.special.xlogy(x, x) + torch.special.xlogy(1 - x, 1 - x))
    return entropy


def weighed(objective: Objective, nll: Tensor, divergence: Tensor, x: Tensor) -> Likelihood:
    """Return nll and confidence of every element that an objective weighs: the pixels (N, C, S, S), or the images (N,).

    The confidence in a pixel is exp(-BCE), its likelihood, which no grey pixel has much of however well it is reconstructed; in
    an image, exp(-bound / D): the geometric mean over its pixels, the divergence shared among them. On the relative scale the BCE
    of a perfect reconstruction is taken off first: exp(-(BCE - H)).

    Args:
        objective: Weighs pixels, unless its unit is ``sample``.
        nll: BCE of every pixel, in nats, (N, C, S, S).
        divergence: KL of every image, in nats, (N,). By pixel it is nobody's: every image keeps its own.
        x: The pixels, in [0, 1], (N, C, S, S).
    """
    surprise = nll - pixel_entropy(x) if objective.is_relative else nll
    if not weighs_images(objective):
        return Likelihood(nll, torch.exp(-surprise).clamp(max=1))
    bound = nll.flatten(1).sum(1) + divergence
    shared = (surprise.flatten(1).sum(1) + divergence) / x[0].numel()
    return Likelihood(bound, torch.exp(-shared).clamp(max=1))


def images_of(pixels: Likelihood) -> Likelihood:
    """Return the bound of every image, in nats, and exp(-bound / D), (N,) each, of pixels that bear its divergence too.

    Args:
        pixels: As `VAEAdapter.likelihood` returns it, (N, C, S, S) each.
    """
    bound = pixels.nll.flatten(1).sum(1)
    return Likelihood(bound, torch.exp(-bound / pixels.nll[0].numel()).clamp(max=1))
