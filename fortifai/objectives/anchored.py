"""Anchored TCE: leaves out what the model is surer of than its own generation 0 was of anything real.

It has a scale that does not move with the model, and that nobody has to choose: generation 0's own. While a model is as unsure
as the world is, nothing is left out; the surer it becomes, the more. For a Gaussian an element is left out while

    -m^2 / 2 + ln(sigma_0 / sigma) > 0,   m the distance to the mean in standard deviations,

that is, where its density exceeds that of generation 0 at the mode. So the rule acts below sigma_0 only, and ever more strongly
the further below: docs/laws.md has the proof of where it comes to rest. A model with modes, such as a mixture, has one anchor for
each; one without has the quantile of its confidence in held-out real data. That number is all that is kept of generation 0.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NoReturn

from pydantic import Field

from fortifai.config import Identity
from fortifai.errors import UserError
from fortifai.objectives.base import Memory, Objective, Remembered, Selective
from fortifai.objectives.cross_entropy import CrossEntropy
from fortifai.objectives.truncated import TruncatedCrossEntropy

if TYPE_CHECKING:
    from torch import Tensor


class AnchoredTruncation(Selective):
    """Anchored TCE: leaves out what the model is surer of than its own generation 0 was of anything real."""

    name: ClassVar[str] = "tce-anchored"
    remembers: ClassVar[frozenset[Remembered]] = frozenset({"anchors"})
    q: Identity[float] = Field(
        0.99, gt=0, le=1, description="for a model without modes: the quantile of its confidence in real data that is its anchor"
    )

    def for_generation(self, past: Sequence[Memory]) -> Objective:
        """Return the truncation of the coming generation; cross entropy in generation 0, which has nothing to be measured by."""
        if not past:
            return CrossEntropy()
        anchors = past[0].anchors
        if not anchors:
            raise ValueError(f"{self.name} reads anchors, which generation 0 did not record")
        if len(anchors) == 1:
            return TruncatedCrossEntropy.model_construct(gamma=anchors[0], unit=self.unit, scale=None)
        return AnchoredGroups.model_construct(levels=anchors, unit=self.unit)

    def outside_chain(self) -> NoReturn:
        """Raise UserError: without a generation 0 there is no anchor."""
        raise UserError(
            f"objective {self.canonical!r} measures confidence by a chain's generation 0, and no chain runs here: use a fixed "
            "threshold, such as tce:gamma=0.9, or, in a recursion of your own, tce:gamma=Q with Q the quantile of the first "
            "model's confidence in held-out real data"
        )

    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Raise UserError: only `for_generation`, which a chain asks before every fit, knows the anchor."""
        self.outside_chain()


class AnchoredGroups(Selective):
    """Anchored TCE within one generation of a model with several modes: a threshold for each group of elements."""

    name: ClassVar[str] = "tce-anchored-generation"
    levels: Identity[tuple[float, ...]] = Field(min_length=1, description="confidence above which a group's element is masked")

    def for_group(self, index: int) -> TruncatedCrossEntropy:
        """Return the truncation at one group's anchor; see `Objective.for_group`."""
        return TruncatedCrossEntropy.model_construct(gamma=self.levels[index], unit=self.unit, scale=None)

    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Return 1 where confidence is at most the anchor of its group, the last dimension, else 0; see `Objective.weights`.

        Args:
            confidence: (..., K) of K groups, >= 0.
            mass: Not used.
        """
        p = confidence.detach()
        return (~(p > p.new_tensor(self.levels))).to(p.dtype)
