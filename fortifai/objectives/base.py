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
    """A loss on two tensors of one shape: the negative log-likelihood of every element and the model's confidence p_t in it.

    It is used in two ways: a gradient-trained model minimises `loss`; a weighted fit (EM, least squares) uses `weights`.
    """

    elementwise: ClassVar[bool] = False
    """Whether an element's weight depends on its own confidence alone, so that a batch may be worked on in parts.

    False is always right, and costs the fused loss a second pass; it must be False where a threshold is estimated from the batch.
    """

    adaptive: ClassVar[bool] = False
    """Whether `adapt` estimates something, so that confidence has to be measured before every epoch."""

    follows_own_nll: ClassVar[bool] = False
    """Whether `for_generation` reads its argument, so that the protocol has to measure it."""

    @abstractmethod
    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Return how much every element counts.

        Args:
            confidence: p_t of every element, (...), in [0, 1].
            mass: How much each element counts where a threshold is estimated, (...), >= 0, such as the responsibilities of a
                mixture component; None: all count the same.

        Returns:
            Weights in [0, 1], detached, of the shape and type of ``confidence``.
        """

    def loss(self, nll: "Tensor", confidence: "Tensor") -> "Tensor":
        """Return the scalar to minimise: the weighted sum divided by the number of ALL elements, the masked ones included.

        No gradient flows through the weights (ForTIFAI, arXiv 2509.08972, definition of TCE: the indicator carries none).

        Args:
            nll: Negative log-likelihood of every element, (...), in nats.
            confidence: p_t of every element, (...), in [0, 1].
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
        """Return the objective for a training loop outside a chain, where there are no earlier generations.

        Most objectives do not need any and return themselves.

        Raises:
            UserError: The objective depends on what a chain's earlier generations recorded.
        """
        return self


class Selective(Objective):
    """An objective under which some elements count less than others, so that it matters what is weighed as one."""

    unit: Identity[str | None] = Field(
        None, description="what is weighed as one, in a modality that has a choice, such as pixel or sample"
    )

    def of_unit(self, units: Sequence[str]) -> "Selective":
        """Return this objective with its unit filled in: the first of a modality's units where none was named.

        Args:
            units: What the modality can weigh as one; empty where there is no choice.

        Raises:
            UserError: The modality does not have the unit that was named.
        """
        if self.unit is None:
            return self.model_copy(update={"unit": units[0]}) if units else self
        if self.unit not in units:
            known = f"known: {', '.join(units)}" if units else "this modality has one kind of element only"
            raise UserError(f"objective {self.canonical!r}: unknown unit {self.unit!r} ({known})")
        return self
