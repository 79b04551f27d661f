"""What an objective weighs as one: every pixel by itself, or a whole image."""

from torch import Tensor

from fortifai.objectives import Objective, Selective

SMALLEST = 1e-30
"""Confidence that stands for 0 where its logarithm is taken."""


def weighed(objective: Objective, nll: Tensor, confidence: Tensor) -> tuple[Tensor, Tensor]:
    """Give the likelihoods and confidences that an objective weighs, from those of pixels, each (n, C, H, W).

    By pixel: as they are. By sample, each (n,): the sum over the image, and the geometric mean of the confidence, since the
    product over all pixels is next to 0 for every image, whatever the model makes of it.
    """
    if isinstance(objective, Selective) and objective.unit == "sample":
        return nll.flatten(1).sum(1), confidence.flatten(1).clamp_min(SMALLEST).log().mean(1).exp()
    return nll, confidence
