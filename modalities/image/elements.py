"""What an objective weighs as one element: every pixel by itself, or a whole image."""

from dataclasses import dataclass

from torch import Tensor

from fortifai.objectives import Objective, Selective

SMALLEST_CONFIDENCE = 1e-30
"""Stands for a confidence of 0 where its logarithm is taken."""


def weighs_images(objective: Objective) -> bool:
    """Return whether an objective weighs whole images, and not pixels."""
    return isinstance(objective, Selective) and objective.unit == "sample"


def elements_of(objective: Objective, nll: Tensor, confidence: Tensor) -> tuple[Tensor, Tensor]:
    """Return the likelihood and the confidence of every element that an objective weighs.

    Args:
        objective: Weighs pixels, unless its unit is ``sample``.
        nll: Negative log-likelihood of every pixel in nats, (B, C, H, W).
        confidence: Confidence in every pixel, in [0, 1], the same shape.

    Returns:
        Both as they are, where pixels are weighed. Where images are, two tensors (B,): the sum of the likelihoods over the
        image, and the geometric mean of its confidences, since their product is next to 0 for every image, whatever the
        model makes of it.
    """
    if weighs_images(objective):
        return nll.flatten(1).sum(1), confidence.flatten(1).clamp_min(SMALLEST_CONFIDENCE).log().mean(1).exp()
    return nll, confidence


@dataclass
class MaskCount:
    """How many elements an objective has weighed in a fit, and how many of them it masked."""

    elements: int = 0
    masked: int = 0

    def add(self, objective: Objective, confidence: Tensor) -> None:
        """Count the elements of a batch, by the confidence in each, in [0, 1] and of any shape."""
        self.elements += confidence.numel()
        self.masked += int((objective.weights(confidence) == 0).sum())

    @property
    def share(self) -> float:
        """The masked share of all elements, in [0, 1]; 0 where none was weighed."""
        return self.masked / max(self.elements, 1)
