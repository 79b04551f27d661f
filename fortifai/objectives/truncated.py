"""Truncated cross entropy (TCE, ForTIFAI, arXiv 2509.08972): elements the model is already sure of do not count.

The three forms differ in where the threshold comes from: a parameter, a quantile of the confidence, or its running level.
"""

import math
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fortifai.config import Identity
from fortifai.objectives.base import Selective

if TYPE_CHECKING:
    from torch import Tensor

ADAPTIVE_BATCHES = 16
"""Batches whose mean confidence sets the adaptive threshold: the authors use about 2,048 samples in batches of 128."""

SLACK = 1e-12
"""Relative rounding of a sum of masses that a quantile forgives: 0.98 of 50 elements is 49, and not 50."""


class TruncatedCrossEntropy(Selective):
    """TCE: an element counts while the model's confidence in it is at most gamma."""

    name: ClassVar[str] = "tce"
    elementwise: ClassVar[bool] = True
    gamma: Identity[float] = Field(0.9, gt=0, le=1, description="confidence above which an element is masked")

    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Return 1 where confidence <= gamma, else 0; shapes as in `Objective.weights`.

        NaN counts, so that a diverged model shows in the loss and is not masked away.
        """
        p = confidence.detach()
        if self.gamma == 1:
            return p.new_ones(p.shape)  # also where rounding lifted p above 1: TCE at 1 is cross entropy
        # Half precision would round gamma itself: 0.999 to 1, which masks nothing.
        wide = p if p.element_size() > 2 else p.float()
        return (~(wide > self.gamma)).to(p.dtype)


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


class AdaptiveTruncation(Selective):
    """Adaptive TCE: gamma = mean + alpha * sd of the batch means of confidence, estimated anew every epoch."""

    name: ClassVar[str] = "tce-adaptive"
    adaptive: ClassVar[bool] = True
    alpha: Identity[float] = Field(1.0, description="standard deviations of the batch means above their mean")

    def adapt(self, confidence: "Tensor") -> TruncatedCrossEntropy:
        """Return TCE with gamma set from the means of 16 equal batches (the authors' `dynamic`).

        Args:
            confidence: The model's confidence on a sample of the training data, (n, ...), in [0, 1]; the batches are cut from it
                in order.
        """
        p = confidence.detach().reshape(-1).double()
        level = p.new_tensor([batch.mean() for batch in p.tensor_split(max(1, min(ADAPTIVE_BATCHES, p.numel())))])
        gamma = level.mean() + self.alpha * level.std(correction=0)
        return TruncatedCrossEntropy.model_construct(gamma=float(gamma.clamp(0, 1)), unit=self.unit)

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
        confidence: p_t of every element, (...), in [0, 1].
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
