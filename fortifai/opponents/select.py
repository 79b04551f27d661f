"""Make more than is needed, and keep what a judge ranks highest, or lowest."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from fortifai.config import Identity
from fortifai.recursion.models import Ask, Models
from fortifai.recursion.strategies import Strategy, Supply

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from fortifai.contract.samples import Samples


class Select(Strategy):
    """Makes more than is needed, and keeps what a judge ranks highest or lowest: the model's likelihood, a verifier, or chance.

    Verifiers: Feng et al., arXiv 2406.07515. Ranks of likelihood, of which the bottom is truncation on the side of the data:
    muhammadalamzeb/likelihood-rank-self-consuming-diffusion. Chance is what the making alone does.
    """

    name: ClassVar[str] = "select"
    by: Identity[Literal["likelihood", "first", "verifier", "random"]] = Field(
        "likelihood", description="under the model that made them (likelihood) or generation 0's (first); a verifier; chance"
    )
    keep: Identity[Literal["top", "bottom"]] = Field("top", description="which end of the ranking")
    make: Identity[int] = Field(2, ge=2, le=100, description="how many are made for each that is kept")

    @property
    def asks(self) -> frozenset[Ask]:
        """A likelihood, generation 0's model, or a verifier, where it ranks by them."""
        wanted: dict[str, tuple[Ask, ...]] = {
            "likelihood": ("likelihood",),
            "first": ("first", "likelihood"),
            "verifier": ("verify",),
        }
        return frozenset(wanted.get(self.by, ()))

    def makes(self, n: int, generation: int) -> int:
        """Return how many times n samples are made."""
        return self.make * n

    def source(self, training: "Samples", supply: Supply) -> "Samples":
        """Return the training set as often as samples are made for each that is kept."""
        return type(training).concat([training] * self.make)

    def mix(self, generation: int, supply: Supply, rng: "torch.Generator") -> "Samples":
        """Return the n of the last generation's samples that are ranked highest or lowest, in the order they were made in."""
        made = supply.synthetic(generation - 1)
        ranked = self._score(made, supply.ask(), rng).argsort(stable=True, descending=self.keep == "top")
        return made.take(ranked[: supply.n].sort().values)

    def _score(self, made: "Samples", models: Models, rng: "torch.Generator") -> "Tensor":
        from torch import randperm

        if self.by == "random":
            return randperm(len(made), generator=rng)
        if self.by == "verifier":
            return models.verify(made)
        return models.log_likelihood(made, "first" if self.by == "first" else "last")
