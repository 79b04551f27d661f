"""The objective `decision`: rows are weighed by what a decision depends on, so that generation 0's decision stays the best.

A model is good for a decision where what it decides is best in reality; to fit the data best is neither needed for that nor
enough (Anand, Sawant, Reinhardt and Gros, arXiv 2501.06086, state the condition for sequential decisions). Here the decision d
minimises a mean loss l(x, d) over rows, so that the condition is one on the mean of the loss's derivative at the decision that
generation 0 made from its own samples, d_0:

    sum_i w_i l'(x_i, d_0) = 0,   mean w_i = 1.

A generation's training set is given the weights that satisfy it and are nearest to 1 by their squares,

    w_i = 1 + a (l'(x_i, d_0) - b),   b the mean of l'(x_i, d_0),

which is calibration in survey sampling (Deville and Sarndal, 1992). A row counts by the derivative of its loss, which is how much
the decision depends on it. Of a quantile of level tau, l' is 1 - tau for rows up to d_0 and -tau above, and with F the training
set's share of the former the weights are

    tau / F below,   (1 - tau) / (1 - F) above:

both 1 while F = tau, and those of generation 0's model and of every later one that still decides alike. Nothing is asked of
confidence, and one number is kept of generation 0.

Weighing by the size of the derivative alone, whatever the decision, was ruled out before any run: for a Gaussian and tau = 0.9 it
gives either side of d_0 half of the weight, which moves the mean by 0.78 standard deviations in every generation.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, NoReturn

from pydantic import Field, model_validator

from fortifai.config import Identity
from fortifai.errors import UserError
from fortifai.objectives import CrossEntropy, Memory, Objective
from fortifai.objectives.base import Remembered

from .decision import Decision

if TYPE_CHECKING:
    from torch import Tensor

HEAVIEST = 10.0
"""Most that a row's weight is multiplied by, so that no fit is carried by a few rows; then the decision is not quite held."""


class DecisionHeld(Decision, Objective):
    """Cross entropy on rows weighed so that the decision of generation 0 stays the best one."""

    name: ClassVar[str] = "decision"
    remembers: ClassVar[frozenset[Remembered]] = frozenset({"observed"})
    modalities: ClassVar[tuple[str, ...]] = ("tabular",)

    @model_validator(mode="after")
    def _is_a_quantile(self) -> "DecisionHeld":
        if self.policy not in ("newsvendor", "value-at-risk"):
            raise ValueError(f"policy={self.policy} is no single number to hold: take newsvendor or value-at-risk")
        return self

    def observe(self, data: "Mapping[str, Tensor]") -> Sequence[float]:
        """Return the decision that is made from rows, ``x`` float64 (n, D): one number."""
        from .policies import quantile_of

        return [float(quantile_of(self).decide(data["x"].numpy())[0])]

    def for_generation(self, past: Sequence[Memory]) -> Objective:
        """Return what holds generation 0's decision; cross entropy in generation 0, which has none to hold."""
        if not past:
            return CrossEntropy()
        if not past[0].observed:
            raise ValueError(f"{self.name} reads what generation 0 observed, which it did not record")
        return HeldAt.model_construct(**self.model_dump(), decision=past[0].observed[0])

    def outside_chain(self) -> NoReturn:
        """Raise UserError: without a generation 0 there is no decision to hold."""
        raise UserError(f"objective {self.canonical!r} holds the decision of a chain's generation 0, and no chain runs here")

    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Raise UserError: only `for_generation`, which a chain asks before every fit, knows the decision."""
        self.outside_chain()


class HeldAt(Decision, Objective):
    """The objective `decision` within one generation: the decision that it holds is known."""

    name: ClassVar[str] = "decision-generation"
    decision: Identity[float] = Field(description="of generation 0, in the units of the samples")

    def weigh(self, data: "Mapping[str, Tensor]", weight: "Tensor") -> "Tensor":
        """Return tau / F for rows up to the decision and (1 - tau) / (1 - F) for those above, F the weight's share of the former.

        Where all rows lie on one side, all count the same.

        Args:
            data: ``x``, float64 (n, D).
            weight: Of every row, (n,), >= 0.
        """
        from .policies import quantile_of

        quantile = quantile_of(self)
        values = data["x"].new_tensor(quantile.values(data["x"].numpy()))
        below = (values <= self.decision).to(weight.dtype)
        share = float((weight * below).sum() / weight.sum())
        if not 0 < share < 1:
            return weight.new_ones(len(weight))
        under, above = quantile.level / share, (1 - quantile.level) / (1 - share)
        if above > HEAVIEST:
            under, above = (1 - HEAVIEST * (1 - share)) / share, HEAVIEST
        elif under > HEAVIEST:
            under, above = HEAVIEST, (1 - HEAVIEST * share) / (1 - share)
        return under * below + above * (1 - below)

    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Return ones: confidence decides nothing; shapes as in `Objective.weights`."""
        return confidence.detach().new_ones(confidence.shape)
