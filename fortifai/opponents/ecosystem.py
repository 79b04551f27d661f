"""Several models that train on what all of them wrote."""

from typing import TYPE_CHECKING, ClassVar, Literal, cast

from pydantic import Field, model_validator

from fortifai.config import Identity
from fortifai.recursion.strategies import Replace

if TYPE_CHECKING:
    from fortifai.contract.modality import AnyModality


class Ecosystem(Replace):
    """A generation of several models, each fitted to its part of what all models of the last generation made.

    n is the size of the pool: with ``train=split`` each of M models sees n / M samples of it, with ``train=all`` each sees all.
    The last ``plain`` models are fitted by cross entropy, whatever the objective: what others gain where some truncate.
    """

    name: ClassVar[str] = "ecosystem"
    own_generation_0: ClassVar[bool] = True
    members: Identity[int] = Field(2, ge=2, le=64, description="models a generation")
    plain: Identity[int] = Field(0, ge=0, description="how many of them are fitted by cross entropy")
    train: Identity[Literal["split", "all"]] = Field("split", description="what each is fitted to: its part of the pool, or all")

    @model_validator(mode="after")
    def _some_follow_the_objective(self) -> "Ecosystem":
        if self.plain >= self.members:
            raise ValueError(f"plain: should be less than members ({self.members}), or the objective would hold for none")
        return self

    def adapter_for(self, adapter: "AnyModality") -> "AnyModality":
        """Return the adapter of several models."""
        from fortifai.opponents.members import Members

        several = Members(adapter, self.members, self.plain, split=self.train == "split")
        return cast("AnyModality", several)  # whose models, tuples, are opaque to the core as all are
