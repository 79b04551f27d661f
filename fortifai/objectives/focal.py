"""Focal loss (Lin et al., 2017): confident elements count less, smoothly."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fortifai.config import Identity
from fortifai.objectives.base import Selective

if TYPE_CHECKING:
    from torch import Tensor


class Focal(Selective):
    """Focal loss: every element counts by (1 - p_t)^gamma, and the factor is part of the gradient."""

    name: ClassVar[str] = "focal"
    elementwise: ClassVar[bool] = True
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
