"""Sample with guidance away from a model that was trained on its own samples."""

from typing import ClassVar

from pydantic import Field

from fortifai.config import Identity
from fortifai.recursion.models import Ask, Models, ModelT
from fortifai.recursion.strategies import Replace


class Sims(Replace):
    """Samples by (1 + w) s_last - w s_self: the last model, guided away from the one fitted to its own samples.

    For diffusion models, whose scores s can be summed (Alemohammad et al., SIMS, arXiv 2408.16333). The model that is kept and
    handed on is the fitted one, s_self: of the next generation it is s_last.
    """

    name: ClassVar[str] = "sims"
    w: Identity[float] = Field(1.0, gt=0, le=20, description="how far")

    @property
    def asks(self) -> frozenset[Ask]:
        """Guidance, which a modality may lack."""
        return frozenset({"guided"})

    def to_sample(self, model: ModelT, models: Models[ModelT]) -> ModelT:
        """Return the guided model."""
        return models.guided(models.last(), away_from=model, scale=self.w)
