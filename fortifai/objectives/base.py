"""What an objective answers: which elements count, and what the loss is."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fortifai.config import Identity, Parametrised
from fortifai.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


class Objective(Parametrised):
    """A loss on (nll, confidence) of any shape: the negative log-likelihood of every element and the model's p_t in it.

    Two ways in: a gradient-trained model minimises `loss`; a weighted fit (EM, least squares) uses `weights`.
    """

    elementwise: ClassVar[bool] = False
    """Whether an element's weight depends on its own confidence alone, so that a batch may be worked on in parts.

    False, as where a threshold is estimated from all of the batch, is always right, and costs the fused loss a second pass.
    """

    adaptive: ClassVar[bool] = False
    """Whether `adapt` estimates something, so that confidence has to be measured before every epoch."""

    follows_own_nll: ClassVar[bool] = False
    """Whether `for_generation` looks at what it is given, so that the protocol has to measure it."""

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
        """Return the objective of the coming epoch.

        Most objectives are fixed and return themselves.

        Args:
            confidence: The model's confidence on a sample of the training data, (n, ...), in [0, 1].
        """
        return self

    def adapt_to(self, measure: "Callable[[], Tensor]") -> "Objective":
        """Return the objective of the coming epoch, measuring confidence only where a threshold is estimated from it.

        Args:
            measure: Returns the model's confidence on a sample of the training data, (n, ...), in [0, 1].
        """
        return self.adapt(measure()) if self.adaptive else self

    def for_generation(self, own_nll: Sequence[float]) -> "Objective":
        """Return the objective of the coming generation.

        Most objectives are the same in every generation and return themselves.

        Args:
            own_nll: For each generation so far, the mean negative log-likelihood of its model on its own samples, in nats an
                element.
        """
        return self

    def outside_chain(self) -> "Objective":
        """Return the objective for a training loop that is no chain's, which has no generations to go by.

        Raises:
            UserError: It goes by what a chain's earlier generations recorded.
        """
        return self


class Selective(Objective):
    """An objective under which some elements count less than others, so that it matters what is weighed as one."""

    unit: Identity[str | None] = Field(
        None, description="what is weighed as one, in a modality that has a choice, such as pixel or sample"
    )

    def of_unit(self, units: Sequence[str]) -> "Selective":
        """Give this objective for a modality that has these units; the first one is what is meant where none was named.

        Raises UserError for a unit that the modality does not have.
        """
        if self.unit is None:
            return self.model_copy(update={"unit": units[0]}) if units else self
        if self.unit not in units:
            known = f"known: {', '.join(units)}" if units else "this modality has one kind of element only"
            raise UserError(f"objective {self.canonical!r}: unknown unit {self.unit!r} ({known})")
        return self
