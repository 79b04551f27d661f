"""EM for a Gaussian mixture, with per-sample weights and truncation per component.

What is truncated. An element is a pair (sample, component). Its confidence is the component's density relative to its mode,
exp(-m^2 / 2) with m the Mahalanobis distance; its mass is the responsibility times the sample's weight. The objective's
weights enter the covariance update only: what lies closest to a component's mean is left out of that component's spread,
and the sum is divided by the mass that was kept. Means and mixture weights are updated from everything, because the centre
of a cloud is not what over-confidence moves.

When. In every M-step, by the confidence of the model that this iteration started from, as a gradient step sees the current
model's. A quantile rule ranks by m, which no scaling of a covariance changes, so this does not feed on itself; a fixed
threshold does, up to a fixed point. Truncating once, after EM has converged with plain cross entropy, was tried too: on
diamonds (three components, three seeds) keeping 90 % lasted as long either way, and keeping 95 % shorter in one seed.

A truncated EM climbs no likelihood, so its end is where the likelihood stands still, or the most iterations allowed.

n samples, D columns, K components; everything is float64.
"""

import math
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from fortifai.errors import Diverged
from fortifai.objectives import Objective

from .config import MixtureConfig
from .mixture import GaussianMixture

EMPTY = 1e-8
"""A component that holds fewer samples than this is dead: it keeps its last mean and covariance, with no weight."""


@dataclass(frozen=True)
class Fitted:
    """A fitted mixture, the share of its elements that the last M-step masked, and how EM went."""

    mixture: GaussianMixture
    masked_share: float
    iterations: int
    converged: bool


def fit(x: Tensor, weight: Tensor, objective: Objective, start: GaussianMixture, config: MixtureConfig) -> Fitted:
    """Fit a mixture to (n, D) samples with weights (n,), from ``start``.

    Raises Diverged when the mixture or its likelihood leaves the finite numbers.
    """
    weight = weight / weight.mean()
    mixture, level, masked, converged = start, float("-inf"), 0.0, False
    iteration = 0
    while iteration < config.max_iterations and not converged:
        iteration += 1
        joint, squared = mixture.log_joint(x)
        log_density = joint.logsumexp(1)
        responsibility = (joint - log_density.unsqueeze(1)).exp()
        last, level = level, float((log_density * weight).mean())
        if not math.isfinite(level):
            raise Diverged(f"the likelihood is {level} in EM iteration {iteration}")
        mass = responsibility * weight.unsqueeze(1)
        confidence = torch.exp(-0.5 * squared)
        share = truncate(objective, confidence, responsibility, mass)
        masked = float((mass * (share == 0)).sum() / mass.sum())
        mixture = maximise(x, mass, mass * share, mixture, config.covariance_floor)
        converged = abs(level - last) < config.tolerance
    mixture.factors()  # raises Diverged where the last M-step left the finite numbers
    return Fitted(mixture, masked, iteration, converged)


def truncate(objective: Objective, confidence: Tensor, responsibility: Tensor, mass: Tensor) -> Tensor:
    """Give the objective's weight of every element (sample, component), (n, K): each component has its own threshold.

    An adaptive objective adapts to the confidence of every sample, the mean of its elements by responsibility, once an iteration.
    """
    current = objective.adapt((responsibility * confidence).sum(1))
    return torch.stack([current.weights(c, mass=m) for c, m in zip(confidence.T, mass.T, strict=True)], dim=1)


def k_means_start(x: Tensor, weight: Tensor, config: MixtureConfig, seed: int) -> GaussianMixture:
    """Give the mixture of the clusters that k-means finds from a k-means++ start: where EM from scratch begins."""
    if not bool(torch.isfinite(x).all()):
        raise Diverged("the training data is not finite")
    # Here, because planning a run and warm starts need none of the seconds that it takes to import.
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # A collapsed generation has fewer distinct rows than there are clusters: that is what we measure, no news.
        warnings.simplefilter("ignore", ConvergenceWarning)
        clusters = KMeans(config.components, n_init=1, random_state=seed).fit(x.cpu().numpy(), sample_weight=weight.cpu().numpy())
    label = torch.from_numpy(clusters.labels_).to(x.device, torch.int64)
    mass = torch.nn.functional.one_hot(label, config.components).to(x.dtype) * weight.unsqueeze(1)
    nowhere = GaussianMixture(
        weights=x.new_full((config.components,), 1 / config.components),
        means=torch.from_numpy(clusters.cluster_centers_).to(x),
        covariances=torch.eye(x.shape[1], dtype=x.dtype, device=x.device).repeat(config.components, 1, 1),
    )
    return maximise(x, mass, mass, nowhere, config.covariance_floor)


def maximise(x: Tensor, mass: Tensor, kept: Tensor, last: GaussianMixture, floor: float) -> GaussianMixture:
    """Give the M-step: weights and means from ``mass``, covariances from ``kept``, both (n, K) and summed per component."""
    total, total_kept = mass.sum(0), kept.sum(0)
    alive, spread = total > EMPTY, total_kept > EMPTY
    means = torch.where(alive.unsqueeze(1), mass.T @ x / total.clamp(min=EMPTY).unsqueeze(1), last.means)
    centred = x - means.unsqueeze(1)  # (K, n, D)
    scatter = (centred * kept.T.unsqueeze(-1)).mT @ centred
    covariances = scatter / total_kept.clamp(min=EMPTY)[:, None, None]
    covariances = covariances + floor * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    return GaussianMixture(total / total.sum(), means, torch.where(spread[:, None, None], covariances, last.covariances))
