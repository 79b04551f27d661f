"""Weights by how likely a sample is to be real."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fortifai.config import Identity
from fortifai.recursion.models import Ask
from fortifai.recursion.strategies import Strategy, Supply

if TYPE_CHECKING:
    import torch

    from fortifai.contract.samples import Samples


class Detector(Strategy):
    """Only what the last model made, each sample weighted by how likely it is to be real, to a power.

    Drayson et al. (arXiv 2502.15654) train a detector of machine-made text. Here it is the ratio of likelihoods that the best
    detector would be, with generation 0's model in place of the real distribution: 1 / (1 + p_last / p_first), p of a whole
    sample. It knows no more than a chain does.
    """

    name: ClassVar[str] = "detector"
    bias: Identity[float] = Field(1.0, gt=0, le=100, description="the power; the larger, the fewer samples hold all weight")

    @property
    def asks(self) -> frozenset[Ask]:
        """The likelihood of samples under generation 0's model too, which stands for what is real."""
        return frozenset({"first", "likelihood"})

    def mix(self, generation: int, supply: Supply, rng: "torch.Generator") -> "Samples":
        """Return the last generation's samples with weights whose sum is their number."""
        from torch.nn.functional import logsigmoid

        made, models = supply.synthetic(generation - 1), supply.ask()
        ratio = (models.log_likelihood(made, "first") - models.log_likelihood(made, "last")) * models.elements(made)
        weight = (self.bias * logsigmoid(ratio)).softmax(0)  # in logarithms: of a long text, both are next to nothing
        return made.weighted(weight * len(made))
