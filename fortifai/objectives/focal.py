"""Focal loss (Lin et al., 2017), and two relatives in the authors' code: confident elements count less, smoothly."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fortifai.config import Identity
from fortifai.objectives.base import Scaled

if TYPE_CHECKING:
    from torch import Tensor


class Focal(Scaled):
    """Focal loss: every element counts by (1 - p_t)^gamma, and the factor is part of the gradient."""

    name: ClassVar[str] = "focal"
    elementwise: ClassVar[bool] = True
    bounded: ClassVar[bool] = True
    gamma: Identity[float] = Field(2.0, ge=0, description="exponent; 0 is cross entropy")

    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Return (1 - p)^gamma, detached, the form that an EM fit uses; shapes as in `Objective.weights`."""
        return self._factor(confidence.detach())

    def loss(self, nll: "Tensor", confidence: "Tensor") -> "Tensor":
        """Return the mean of (1 - p)^gamma * nll; unlike TCE's indicator, the factor has a gradient of its own."""
        return (self._factor(confidence) * nll).mean()

    def _factor(self, confidence: "Tensor") -> "Tensor":
        # p reaches 1, and may exceed it, by rounding. There a power below 1 has an infinite slope: times a loss of 0, NaN.
        certain = confidence >= 1
        doubt = (1 - confidence).masked_fill(certain, 1)
        return (doubt**self.gamma).masked_fill(certain, 0.0**self.gamma)


class ClippedFocal(Focal):
    """Clipped focal loss: focal, without the elements that the model is next to sure are wrong."""

    name: ClassVar[str] = "clpfocal"
    clip: Identity[float] = Field(0.99, gt=0, le=1, description="factor above which an element does not count")

    def _factor(self, confidence: "Tensor") -> "Tensor":
        # As in the authors' code (`focal_clipped_loss`): what is clipped is the factor, so the least confident elements.
        factor = super()._factor(confidence)
        return factor.masked_fill(factor.detach() > self.clip, 0)


class EntropyWeighted(Scaled):
    """Entropy weighting: every element counts by 1 - gamma p_t, and the factor carries no gradient."""

    name: ClassVar[str] = "entropy"
    elementwise: ClassVar[bool] = True
    bounded: ClassVar[bool] = True
    gamma: Identity[float] = Field(1.0, ge=0, le=1, description="how much less a certain element counts")

    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Return 1 - gamma p, at least 0, detached (the authors' `entropy_loss`); shapes as in `Objective.weights`."""
        return (1 - self.gamma * confidence.detach()).clamp(min=0)
