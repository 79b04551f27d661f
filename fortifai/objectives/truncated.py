"""Truncated cross entropy (TCE, ForTIFAI, arXiv 2509.08972): elements the model is already sure of do not count.

The forms differ in where the threshold comes from: a parameter, a quantile of the confidence, or its running level. One is the
mirror image, which must do harm.
"""

import math
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fortifai.config import Identity
from fortifai.errors import UserError
from fortifai.objectives.base import Elements, Scaled, Selective

if TYPE_CHECKING:
    from torch import Tensor

MICRO_BATCH = 2
"""Samples in each of the batches whose mean confidence sets the adaptive threshold, as in the authors' code."""

ROUNDING = 0.01
"""What rounding may lift a probability above 1 by, in the coarsest of types: a threshold of 1 masks none of those."""

SLACK = 1e-12
"""Relative rounding of a sum of masses that a quantile forgives: 0.98 of 50 elements is 49, and not 50."""


class TruncatedCrossEntropy(Scaled):
    """TCE: an element counts while the model's confidence in it is at most gamma."""

    name: ClassVar[str] = "tce"
    elementwise: ClassVar[bool] = True
    gamma: Identity[float] = Field(
        0.9, gt=0, description="confidence above which an element is masked: at most 1, or any likelihood of continuous data"
    )

    def of_elements(self, elements: Elements) -> Selective:
        """Return this objective with its unit filled in; see `Selective.of_elements`.

        Raises:
            UserError: Confidence is a probability here, and gamma is above 1; or as of `Selective.of_elements`.
        """
        if self.gamma > 1 and not (elements.density and not self.is_relative):
            raise UserError(f"objective {self.canonical!r}: confidence is at most 1 in this modality, so gamma must be too")
        return super().of_elements(elements)

    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Return 1 where confidence <= gamma, else 0; shapes as in `Objective.weights`.

        NaN counts, so that a diverged model shows in the loss and is not masked away.
        """
        p = confidence.detach()
        gamma = 1 + ROUNDING if self.gamma == 1 else self.gamma  # of probabilities, TCE at 1 is cross entropy
        # Half precision would round gamma itself: 0.999 to 1, which masks nothing.
        wide = p if p.element_size() > 2 else p.float()
        return (~(wide > gamma)).to(p.dtype)


class QuantileTruncation(Selective):
    """Quantile TCE: the least confident share `keep` of the elements counts, whatever the level of confidence."""

    name: ClassVar[str] = "tce-quantile"
    keep: Identity[float] = Field(0.98, gt=0, le=1, description="share of elements, the least confident, that count")

    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Return 1 up to the weighted quantile of confidence at ``keep`` (inclusive, ties kept), else 0.

        Shapes as in `Objective.weights`.
        """
        p = confidence.detach()
        if self.keep == 1 or p.numel() == 0:
            return p.new_ones(p.shape)
        # The smallest level at which the kept mass reaches the share; the slack forgives the rounding of a sum.
        if mass is None:  # the same, without sorting, which costs many times the loss itself
            level = p.reshape(-1).kthvalue(math.ceil(self.keep * p.numel() * (1 - SLACK))).values
        else:
            levels, order = p.reshape(-1).sort()
            share = mass.detach().reshape(-1)[order].double().cumsum(0)
            level = levels[(share >= self.keep * share[-1] * (1 - SLACK)).int().argmax()]
        return (~(p > level)).to(p.dtype)


class ReverseTruncation(Selective):
    """Reverse TCE: leaves out what the model is LEAST sure of. A negative control: it must do harm."""

    name: ClassVar[str] = "tce-reverse"
    keep: Identity[float] = Field(0.9, gt=0, le=1, description="share of elements, the most confident, that count")

    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Return weights that leave out exactly the share 1 - keep; those at its edge count in part. See `Objective.weights`."""
        return leave_out(-confidence.detach(), 1 - self.keep, mass)


class AdaptiveTruncation(Scaled):
    """Adaptive TCE: gamma = mean + alpha * sd of the batch means of confidence, estimated anew every epoch."""

    name: ClassVar[str] = "tce-adaptive"
    adaptive: ClassVar[bool] = True
    alpha: Identity[float] = Field(1.0, description="standard deviations of the batch means above their mean")

    def adapt(self, confidence: "Tensor") -> TruncatedCrossEntropy:
        """Return TCE with gamma set from the means of micro-batches of two samples (the authors' `dynamic`).

        Args:
            confidence: The model's confidence on a sample of the training data, (n, ...), >= 0; the batches are cut from it in
                order.
        """
        p = confidence.detach().double()
        p = p.reshape(1) if p.ndim == 0 else p
        level = p.new_tensor([batch.mean() for batch in p.split(MICRO_BATCH)]) if p.numel() else p.new_ones(1)
        gamma = level.mean() + self.alpha * level.std(correction=0)
        return TruncatedCrossEntropy.model_construct(gamma=float(gamma.clamp(min=0)), unit=self.unit, scale=self.scale)

    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Return weights at the threshold of this very tensor; shapes as in `Objective.weights`.

        Call `adapt` once per epoch to keep the threshold fixed in between.
        """
        return self.adapt(confidence).weights(confidence, mass)


def leave_out(confidence: "Tensor", share: float, mass: "Tensor | None" = None) -> "Tensor":
    """Return weights that leave out exactly a share of the mass, the most confident elements first.

    The elements at the edge count in part, and equally confident ones equally: where the share amounts to a sample or two, a
    whole one more or less is a drift.

    Args:
        confidence: p_t of every element, (...); only its order matters.
        share: Share of the mass to leave out, in [0, 1].
        mass: How much each element counts, (...), >= 0; None: all count the same.

    Returns:
        Weights in [0, 1], detached, of the shape and type of ``confidence``.
    """
    p = confidence.detach()
    if p.numel() == 0:
        return p.new_ones(p.shape)
    counts = p.new_ones(p.numel()).double() if mass is None else mass.detach().reshape(-1).double()
    levels, order = p.reshape(-1).sort(descending=True, stable=True)
    tie = (levels != levels.roll(1)).index_fill(0, order.new_zeros(1), False).cumsum(0)  # number of each group of equals
    held = counts.new_zeros(int(tie[-1]) + 1).index_add_(0, tie, counts[order])
    left = ((held.cumsum(0) - share * counts.sum()) / held.clamp(min=1e-300)).clamp(0, 1)
    return left.new_empty(p.numel()).scatter_(0, order, left[tie]).reshape(p.shape).to(p.dtype)
