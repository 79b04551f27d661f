"""Online TCE: how much to truncate, from what the chain itself has recorded so far.

`tce-calibrated` knows what a Gaussian loses in a fit. What another model loses, and what a biased sampler takes on top, no closed
form says. But every adapter can measure the mean negative log-likelihood H_g of a generation's model on its own samples: its
entropy, in nats an element. And the same samples say what leaving out a share s of the most confident elements does to it: the
mean over the rest is higher by L_g(s), which is how far the entropy of a model refitted to the rest rises, to first order.

So a chain is modelled as

    H_(g+1) = H_g - d + rho L_g(s_(g+1)),

d being what a generation loses by itself, and rho how much of the predicted lift a fit really follows. Both are estimated from
the chain's own transitions by least squares, with one pseudo-observation that says rho = 1. The coming generation leaves out the
share that is expected to undo d and half of what was lost since generation 0:

    rho L_g(s) = d + (H_0 - H_g) / 2,   0 <= s <= 1/2.

Half, because a measured entropy scatters, and a controller that corrects all of it at once overshoots. Above H_0 the right side
turns negative, nothing is left out, and no truncation contracts faster than that. There is no parameter, and no real data is
needed after generation 0. All of it follows from the records, so that a chain that was killed resumes with the same numbers.

Entropy is a volume: a model that keeps it may still lose its shape, as a mixture does that loses components to drift.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, NoReturn

from pydantic import Field

from fortifai.config import Identity
from fortifai.errors import UserError
from fortifai.objectives.base import SHARES, Memory, Objective, Remembered, Selective
from fortifai.objectives.cross_entropy import CrossEntropy
from fortifai.objectives.truncated import leave_out

if TYPE_CHECKING:
    from torch import Tensor

DAMPING = 0.5
"""The part of what was lost since generation 0 that one generation is to put back."""

RESPONSES = (0.25, 4.0)
"""Bounds of rho: a few noisy transitions may say anything."""


class OnlineTruncation(Selective):
    """Online TCE: truncates as much as undoes the contraction that the chain has measured so far."""

    name: ClassVar[str] = "tce-online"
    remembers: ClassVar[frozenset[Remembered]] = frozenset({"own_nll"})

    def share(self, past: Sequence[Memory]) -> float:
        """Return the share of elements that the coming generation leaves out, in [0, 1/2].

        Args:
            past: What was recorded of each generation so far.
        """
        transitions: list[tuple[float, float]] = []  # predicted lift and observed change of every transition
        share = 0.0
        for generation in range(1, len(past)):
            before, after = past[generation - 1], past[generation]
            transitions.append((_lift(before, share), _own_nll(after) - _own_nll(before)))
            loss, response = _fitted(transitions)
            wanted = loss + DAMPING * (_own_nll(past[0]) - _own_nll(after))
            share = _share_for(after, wanted / response)
        return share

    def for_generation(self, past: Sequence[Memory]) -> Objective:
        """Return the truncation of the coming generation, or cross entropy where there is no loss to undo.

        Args:
            past: As of `share`.
        """
        share = self.share(past)
        return LeavingOut.model_construct(share=share, unit=self.unit) if share > 0 else CrossEntropy()

    def outside_chain(self) -> NoReturn:
        """Raise UserError: without the records of a chain, nothing tells how much to leave out."""
        raise UserError(
            f"objective {self.canonical!r} depends on what the earlier generations of a chain recorded, and no chain runs here: "
            "use a fixed share, such as tce-quantile:keep=0.95, or, in a recursion of your own, "
            "resolve(name).for_generation([Memory(...) of every generation so far])"
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


def _fitted(transitions: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return d and rho by least squares on the transitions (lift, change), and on one more that says rho = 1.

    The pseudo-observation has the largest lift there was: it counts as much as the most telling transition.
    """
    count, weight = len(transitions), max(lift for lift, _ in transitions) ** 2
    if weight == 0:
        return -sum(change for _, change in transitions) / count, 1.0
    lifts, changes = (sum(values) for values in zip(*transitions, strict=True))
    squares = sum(lift**2 for lift, _ in transitions) + weight
    products = sum(lift * change for lift, change in transitions) + weight
    response = (products - lifts * changes / count) / (squares - lifts**2 / count)
    response = min(max(response, RESPONSES[0]), RESPONSES[1])
    return (response * lifts - changes) / count, response


def _own_nll(memory: Memory) -> float:
    if memory.own_nll is None:
        raise ValueError("tce-online reads own_nll, which this generation did not record")
    return memory.own_nll


def _curve(memory: Memory) -> list[tuple[float, float]]:
    """Return the lift in nats at each share, from 0 at 0 upwards; never falling, as leaving out the surest cannot lower it."""
    curve = [(0.0, 0.0)]
    for share, level in zip(SHARES, memory.nll_without, strict=True):
        curve.append((share, max(level - _own_nll(memory), curve[-1][1])))
    return curve


def _lift(memory: Memory, share: float) -> float:
    """Return the predicted lift of leaving out a share, interpolated."""
    return _interpolated(share, _curve(memory))


def _share_for(memory: Memory, lift: float) -> float:
    """Return the smallest share whose predicted lift is at least this, or the largest share of all."""
    return _interpolated(lift, [(lift, share) for share, lift in _curve(memory)]) if lift > 0 else 0.0


def _interpolated(x: float, points: Sequence[tuple[float, float]]) -> float:
    for (left, low), (right, high) in pairwise(points):
        if x <= right:
            return low + (high - low) * (x - left) / (right - left) if right > left else low
    return points[-1][1]
