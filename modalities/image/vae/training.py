"""One fit: Adam on the reconstruction under an objective, and on the divergence from the prior."""

from functools import partial

import torch
from torch import Tensor

from fortifai.contract.samples import Samples
from fortifai.errors import Diverged
from fortifai.objectives import Objective, Selective

from ..elements import MaskCount
from .config import VAEConfig
from .elements import pixel_nll, weighed
from .network import VAE

ADAPTING_IMAGES = 2048
"""Images that a threshold is estimated on before every epoch, as many as the authors take."""


def train(
    model: VAE, samples: Samples, objective: Objective, config: VAEConfig, epochs: int, device: torch.device, rng: torch.Generator
) -> MaskCount:
    """Train a model in place.

    Args:
        model: On ``device``.
        samples: The training set; ``x`` float32 (n, C, S, S) in [0, 1]. Where synthetic samples are among them it consists of
            ``config.draws`` sets of equal size, and every pass goes through the next one of them.
        objective: What weighs the elements.
        config: Batch, learning rate, weight decay, beta and draws.
        epochs: Passes, each in a new order.
        device: Where the model is.
        rng: The source of orders, of the noise of latents, and of the images that a threshold is estimated on.

    Returns:
        How many elements the objective weighed and masked.

    Raises:
        Diverged: A loss is not finite.
    """
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    masks = MaskCount()
    draws = 1 if bool(samples.is_real().all()) else config.draws
    size = len(samples) // draws
    for epoch in range(epochs):
        part = samples.take(slice(epoch % draws * size, (epoch % draws + 1) * size))
        current = objective.adapt_to(partial(_confidence_of_some, model, part, objective, device, rng))
        for index in torch.randperm(size, generator=rng).split(config.batch):
            batch = part.take(index)
            noise = torch.randn(len(batch), config.latent, generator=rng)
            value = loss(model, batch, noise, current, config.beta, device, masks)
            if not torch.isfinite(value):
                raise Diverged(f"the loss is {float(value.detach())}")
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
    model.eval()
    return masks


def loss(
    model: VAE, batch: Samples, noise: Tensor, objective: Objective, beta: float, device: torch.device, masks: MaskCount
) -> Tensor:
    """Return the negative evidence lower bound of a batch under an objective, a scalar in nats an image.

    By pixel, the objective weighs the reconstruction, and every image keeps its divergence. By sample it weighs both: an image
    that it masks is not trained on at all.

    Args:
        model: On ``device``.
        batch: Images ``x``, float32 (B, C, S, S) in [0, 1], with their weights, if any.
        noise: Standard normal (B, Z), by which latents are drawn.
        objective: What weighs the elements.
        beta: Weight of the divergence, >= 0.
        device: Where the model is.
        masks: Counts what the objective masks.
    """
    x = batch["x"].to(device)
    logits, divergence = model(x, noise.to(device))
    nll = pixel_nll(logits, x)
    confidence = x.new_ones(())  # cross entropy looks at none, and computing it takes a tenth of a step
    if isinstance(objective, Selective):
        confidence = weighed(objective, nll, divergence, x).confidence
        masks.add(objective, confidence)
    if batch.weight is not None:
        weight = batch.weight.to(device, torch.float32)
        nll, divergence = weight.view(-1, 1, 1, 1) * nll, weight * divergence
    if confidence.ndim == 1:
        return objective.loss(nll.flatten(1).sum(1) + beta * divergence, confidence)
    bound: Tensor = objective.loss(nll, confidence) * x[0].numel() + beta * divergence.mean()
    return bound


@torch.no_grad()
def _confidence_of_some(model: VAE, samples: Samples, objective: Objective, device: torch.device, rng: torch.Generator) -> Tensor:
    """Return the confidence in the elements of images drawn at random, their latents drawn as in training."""
    x = samples["x"][torch.randperm(len(samples), generator=rng)[:ADAPTING_IMAGES]].to(device)
    logits, divergence = model(x, torch.randn(len(x), model.shape["latent"], generator=rng).to(device))
    return weighed(objective, pixel_nll(logits, x), divergence, x).confidence
