"""How well a line in the features of a frozen network tells two sets of images apart: a classifier two-sample test (C2ST)."""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

PASSES = 500
"""Iterations of the logistic regression at most. By scikit-learn's penalty weights stay finite where a line exists."""

FEWEST = 4
"""Images of either set: two to learn from and two to be asked about."""


def separability(real: Tensor, generated: Tensor, rng: torch.Generator) -> float:
    """Return the share of held-out images that a logistic regression puts on the right side: 1/2 by chance, 1 told apart.

    It is learnt from one half of the images and asked about the other; of the larger set as many take part as of the smaller
    (Lopez-Paz and Oquab, 2017). Among frozen networks, Kumari et al. (2022, section 3.3) choose the one by whose features this is
    largest as the next discriminator.

    Args:
        real: Features of one set, (R, F), R >= 4.
        generated: Features of the other, (S, F), S >= 4.
        rng: Decides who is in which half.

    Raises:
        ValueError: A set has fewer than four.
    """
    size = min(len(real), len(generated)) // 2 * 2
    if size < FEWEST:
        raise ValueError(f"two sets of at least {FEWEST} images are needed: got {len(real)} and {len(generated)}")
    halves = [
        features[torch.randperm(len(features), generator=rng)[:size]].double().view(2, size // 2, -1)
        for features in (real, generated)
    ]
    known, asked = torch.cat(halves, dim=1).numpy()  # (size, F) each
    label = np.repeat([0, 1], size // 2)
    mean, deviation = known.mean(0), known.std(0)
    scale = np.where(deviation > 0, deviation, 1.0)
    line = LogisticRegression(max_iter=PASSES).fit((known - mean) / scale, label)
    return float(line.score((asked - mean) / scale, label))
