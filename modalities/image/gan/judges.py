"""Frozen networks as further discriminators: which join, and when (Kumari et al., 2022, arXiv 2112.09130, section 3.3).

A discriminator is a frozen network with a small trained head on its features. They join one by one, at even distances in a fit:
first the one by whose features a line separates training images from generated ones best, then the best of the others by what the
generator makes by then.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from ..features.extractor import Judge
from ..features.separability import separability

COMPARED = 512
"""Images of either kind, at most, by which separability is measured."""


def joining_steps(steps: int, missing: int) -> list[int]:
    """Return the steps of a fit before which a judge joins: even distances, with as long a stretch before the first.

    Args:
        steps: Of the fit.
        missing: How many judges are to join.
    """
    return [steps * place // (missing + 1) for place in range(1, missing + 1)]


def separabilities(judges: Iterable[Judge], real: Tensor, generated: Tensor, rng: torch.Generator) -> dict[str, float]:
    """Return the accuracy of a line in each judge's features, in [0, 1], by the judge's name.

    Args:
        judges: The frozen networks.
        real: Training images, (R, C, S, S) in [0, 1].
        generated: Generated ones, (G, C, S, S).
        rng: Decides which of them are learnt from.
    """
    return {judge.name: separability(judge.features(real), judge.features(generated), rng) for judge in judges}


def most_separating(separable: Mapping[str, float]) -> str:
    """Return the name of the judge by which most images are told apart; of equals the first."""
    return max(separable, key=lambda name: separable[name])
