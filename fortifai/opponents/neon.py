"""Extrapolate parameters away from a model that was trained on its own samples."""

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from fortifai.config import Identity
from fortifai.recursion.models import Ask, Models, ModelT
from fortifai.recursion.strategies import Replace

if TYPE_CHECKING:
    pass


class Neon(Replace):
    """Takes the parameters away from what training on own samples did to them: (1 + w) theta - w theta_self.

    theta_self is the model fitted to what the last one made, and theta the last one, or generation 0's (Alemohammad et al., Neon:
    SinaAlemohammad/Neon). Weight recovery is the same sum, theta - a (theta_next - theta), with a for w
    (blindTissue/model_collapse_public). Both are one step in their sources; here they are taken in every generation.
    """

    name: ClassVar[str] = "neon"
    warm_only: ClassVar[bool] = True
    w: Identity[float] = Field(0.5, gt=0, le=10, description="how far")
    reference: Identity[Literal["last", "first"]] = Field("last", description="theta: the last model, or generation 0's")

    @property
    def asks(self) -> frozenset[Ask]:
        """Generation 0's model, where that is the reference."""
        return frozenset({"first"}) if self.reference == "first" else frozenset()

    def after_fit(self, model: ModelT, models: Models[ModelT]) -> ModelT:
        """Return the extrapolated model."""
        reference = models.last() if self.reference == "last" else models.first()
        return models.extrapolated(reference, away_from=model, scale=self.w)
