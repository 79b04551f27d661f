"""Edit real data instead of writing it anew."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fortifai.config import Identity
from fortifai.recursion.models import Ask
from fortifai.recursion.strategies import Strategy, Supply

if TYPE_CHECKING:
    import torch

    from fortifai.contract.samples import Samples


class Edit(Strategy):
    """Real data in which the last model has drawn anew what it was sure of: tokens of at least this probability.

    Zhu et al. (ToEdit, arXiv 2412.14689; Xuekai-Zhu/toedit) edit human text once, by a model that is not trained on it. Here
    every generation edits the real data of generation 0, by its last model.
    """

    name: ClassVar[str] = "edit"
    p: Identity[float] = Field(0.99, gt=0, le=1, description="from which confidence on an element is drawn anew")

    @property
    def asks(self) -> frozenset[Ask]:
        """Single elements, drawn anew."""
        return frozenset({"redraw"})

    def mix(self, generation: int, supply: Supply, rng: "torch.Generator") -> "Samples":
        """Return the edited data, as made by the last generation."""
        from dataclasses import replace

        from torch import full_like

        edited = supply.ask().redraw(supply.real(0), self.p, rng)
        return replace(edited, origin=full_like(edited.origin, generation - 1))
