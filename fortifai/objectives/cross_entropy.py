"""Plain cross entropy: the baseline of every comparison."""

from typing import TYPE_CHECKING, ClassVar

from fortifai.objectives.base import Objective

if TYPE_CHECKING:
    from torch import Tensor


class CrossEntropy(Objective):
    """Cross entropy (maximum likelihood): every element counts. The baseline."""

    name: ClassVar[str] = "ce"
    elementwise: ClassVar[bool] = True

    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Return 1 for every element; shapes as in `Objective.weights`."""
        return confidence.detach().new_ones(confidence.shape)

    def loss(self, nll: "Tensor", confidence: "Tensor") -> "Tensor":
        """Return the plain mean of ``nll``: the same to the last bit as the weighted one, without multiplying by ones."""
        return nll.mean()
