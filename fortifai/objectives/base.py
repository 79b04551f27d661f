"""What an objective answers: which elements count, and what the loss is."""

from abc import abstractmethod
from typing import TYPE_CHECKING

from fortifai.config import Parametrised

if TYPE_CHECKING:
    from torch import Tensor


class Objective(Parametrised):
    """A loss on (nll, confidence) of any shape: the negative log-likelihood of every element and the model's p_t in it.

    Two ways in: a gradient-trained model minimises `loss`; a weighted fit (EM, least squares) uses `weights`.
    """

    @abstractmethod
    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Give the detached weight of every element, same shape and dtype as ``confidence``, each in [0, 1].

        ``mass``: how much each element counts where a threshold is estimated (same shape, >= 0), such as the
        responsibilities of a mixture component; None counts all alike.
        """

    def loss(self, nll: "Tensor", confidence: "Tensor") -> "Tensor":
        """Give the scalar to minimise: the weighted sum over the number of ALL elements, the masked ones included.

        No gradient flows through the weights (ForTIFAI, eq. of TCE: the indicator carries none).
        """
        return (self.weights(confidence) * nll).mean()

    def adapt(self, confidence: "Tensor") -> "Objective":
        """Give the objective to use for the coming epoch, from the confidence on a sample of training data (n, ...).

        Most objectives are fixed and answer themselves.
        """
        return self
