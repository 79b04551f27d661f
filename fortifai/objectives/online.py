"""Online TCE: how much to truncate, from the contraction that the chain itself has measured so far.

`tce-calibrated` knows what a Gaussian loses in a fit. What another model loses, and what a biased sampler takes on top, no closed
form says. But every adapter can measure the mean negative log-likelihood of a generation's model on its own samples: its entropy,
in nats per element. For a Gaussian with D columns its change is D times that of log sigma. The rule needs neither real data nor
the true sigma.

The rule is proportional control. H_g is the measured entropy of generation g, and generation g + 1 leaves out the share

    s = clip(gain * (2 / D) * (H_0 - H_g), 0, 1/2)

of its most confident elements. Leaving out a share s of a Gaussian raises its entropy by D s / 2 to first order, so a gain of 1
puts back in one generation what was lost since generation 0: the default, by that argument and not by what it scores. The loop
H_(g+1) = H_g - d + gain * (H_0 - H_g) settles d / gain below H_0, d being what cross entropy loses in a generation, and is stable
for gain < 2. For a model that is not a Gaussian, D says how strongly an element's entropy responds to truncation.

Above H_0 nothing is left out, and no truncation contracts faster than that. Without sampling bias this contraction is slow beside
the scatter of a fit: at n samples log sigma drifts by -1/n with a variance of 1/(2n), which keeps it above H_0 by an exponential
law of mean (1/2n) / (2/n) = 1/4, whatever n is. So without bias the chain stays bounded, with a median sigma above 1. An integral
term would remove the offset below H_0 and add to the one above; docs/laws.md shows simulations of both.

Entropy is a volume: a model that keeps it may still lose its shape, as a mixture does that loses components to drift.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NoReturn

from pydantic import Field

from fortifai.config import Identity
from fortifai.errors import UserError
from fortifai.objectives.base import Objective, Selective
from fortifai.objectives.cross_entropy import CrossEntropy
from fortifai.objectives.truncated import leave_out

if TYPE_CHECKING:
    from torch import Tensor

MOST = 0.5
"""The largest share that is left out: beyond it, what is fitted to is the tails."""


class OnlineTruncation(Selective):
    """Online TCE: truncates as much as undoes the contraction that the chain has measured so far."""

    name: ClassVar[str] = "tce-online"
    follows_own_nll: ClassVar[bool] = True
    gain: Identity[float] = Field(
        1.0, gt=0, description="how much of the lost entropy is put back in a generation; below 2 is stable"
    )
    dimensions: Identity[int] = Field(1, ge=1, description="numbers in an element, such as the columns of a row")

    def share(self, own_nll: Sequence[float]) -> float:
        """Return the share of elements that the coming generation leaves out, in [0, 1/2].

        Args:
            own_nll: For each generation so far, the mean negative log-likelihood of its model on its own samples, in nats per
                element.
        """
        if not own_nll:
            return 0.0
        return min(max(self.gain * (2 / self.dimensions) * (own_nll[0] - own_nll[-1]), 0.0), MOST)

    def for_generation(self, own_nll: Sequence[float]) -> Objective:
        """Return the truncation of the coming generation, or cross entropy where there is no loss to undo.

        Args:
            own_nll: As of `share`.
        """
        share = self.share(own_nll)
        return LeavingOut.model_construct(share=share, unit=self.unit) if share > 0 else CrossEntropy()

    def outside_chain(self) -> NoReturn:
        """Raise UserError: without the records of a chain, nothing tells how much to leave out."""
        raise UserError(
            f"objective {self.canonical!r} depends on what the earlier generations of a chain recorded, and no chain runs here: "
            "use a fixed share, such as tce-quantile:keep=0.95, or, in a recursion of your own, "
            "resolve(name).for_generation([mean own NLL of every generation so far])"
        )

    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Raise UserError: only `for_generation`, which a chain asks before every fit, knows how much to leave out."""
        self.outside_chain()


class LeavingOut(Selective):
    """Online TCE within one generation: leaves out a fixed share."""

    name: ClassVar[str] = "tce-online-generation"
    share: Identity[float] = Field(ge=0, le=1, description="share of the mass, the most confident, that does not count")

    def weights(self, confidence: "Tensor", mass: "Tensor | None" = None) -> "Tensor":
        """Return weights that leave out exactly the share; elements at its edge count in part.

        Shapes as in `Objective.weights`.
        """
        return leave_out(confidence, self.share, mass)
