"""What an objective weighs as one: every pixel by itself, or a whole image."""

from dataclasses import dataclass

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


@dataclass
class Masked:
    """How many elements an objective has weighed in a fit, and how many of them it masked."""

    elements: int = 0
    masked: int = 0

    def count(self, objective: Objective, confidence: Tensor) -> None:
        """Add the elements of a batch, of these confidences."""
        self.elements += confidence.numel()
        self.masked += int((objective.weights(confidence) == 0).sum())

    @property
    def share(self) -> float:
        """The share that was masked."""
        return self.masked / max(self.elements, 1)
