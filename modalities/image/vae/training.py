"""One fit: Adam on the reconstruction under an objective, and on the divergence from the prior."""

import torch
from torch import Tensor

from fortifai.contract.samples import Samples
from fortifai.errors import Diverged
from fortifai.objectives import Objective, Selective

from ..elements import Masked, weighed
from .config import VAEConfig
from .network import VAE, pixel_confidence, pixel_nll

ADAPTING_IMAGES = 2048
"""Images that a threshold is estimated on before every epoch, as many as the authors take."""


def train(
    model: VAE, samples: Samples, objective: Objective, config: VAEConfig, epochs: int, device: torch.device, rng: torch.Generator
) -> Masked:
    """Train a model in place, on a device, and say what was masked. Raises Diverged when a loss is not finite."""
    model.to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    seen = Masked()
    for _ in range(epochs):
        current = _adapted(model, samples, objective, device, rng)
        for index in torch.randperm(len(samples), generator=rng).split(config.batch):
            batch = samples.take(index)
            noise = torch.randn(len(batch), config.latent, generator=rng)
            value = loss(model, batch, noise, current, config.beta, device, seen)
            if not torch.isfinite(value):
                raise Diverged(f"the loss is {float(value.detach())}")
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
    model.cpu().eval()
    return seen


def loss(
    model: VAE, batch: Samples, noise: Tensor, objective: Objective, beta: float, device: torch.device, seen: Masked
) -> Tensor:
    """Give the negative evidence lower bound of a batch under an objective, in nats an image.

    By pixel, the objective weighs the reconstruction, and every image keeps its divergence. By sample it weighs both: an image
    that it masks is not trained on at all.
    """
    x = batch["x"].to(device)
    logits, divergence = model(x, noise.to(device))
    nll = pixel_nll(logits, x)
    confidence = x.new_ones(())  # cross entropy looks at none, and finding it takes a tenth of a step
    if isinstance(objective, Selective):
        nll, confidence = weighed(objective, nll, pixel_confidence(nll, x))
        seen.count(objective, confidence)
    if batch.weight is not None:
        weight = batch.weight.to(device, torch.float32)
        nll, divergence = weight.view(-1, *[1] * (nll.ndim - 1)) * nll, weight * divergence
    if nll.ndim == 1:
        return objective.loss(nll + beta * divergence, confidence)
    bound: Tensor = objective.loss(nll, confidence) * x[0].numel() + beta * divergence.mean()
    return bound


@torch.no_grad()
def _adapted(model: VAE, samples: Samples, objective: Objective, device: torch.device, rng: torch.Generator) -> Objective:
    """Give the objective of the coming epoch, its threshold estimated on images drawn at random."""
    if type(objective).adapt is Objective.adapt:  # fixed: nothing to estimate
        return objective
    x = samples["x"][torch.randperm(len(samples), generator=rng)[:ADAPTING_IMAGES]].to(device)
    nll = pixel_nll(model(x)[0], x)
    return objective.adapt(weighed(objective, nll, pixel_confidence(nll, x))[1])
