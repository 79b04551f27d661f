"""What a suite can set about classifiers. Imports no torch."""

from typing import Self

from pydantic import Field

from fortifai.config import Identity, ModelConfig, Runtime
from fortifai.device import DeviceName


class RelabellingConfig(ModelConfig):
    """How a network that gives labels is trained: by Adam, in passes over its images."""

    learning_rate: Identity[float] = Field(2e-3, gt=0, le=1)
    weight_decay: Identity[float] = Field(0.0, ge=0, le=1)
    batch: Identity[int] = Field(64, ge=1, description="images a step")
    epochs: Identity[int] = Field(10, ge=1, le=10_000, description="passes of a fit")
    first_epochs: Identity[int | None] = Field(None, ge=1, le=10_000, description="passes of a fit from random weights")
    device: Runtime[DeviceName] = "auto"

    def fit_passes(self, *, warm: bool) -> int:
        """Return the epochs of a fit."""
        return self.epochs if warm or self.first_epochs is None else self.first_epochs

    def with_fit_passes(self, passes: int) -> Self:
        """Return the same with fits of so many epochs."""
        return self.model_copy(update={"epochs": passes, "first_epochs": None})


class ClassifierConfig(RelabellingConfig):
    """A fully connected classifier with rectified layers between pixels and classes."""

    hidden: Identity[tuple[int, ...]] = Field((64,), max_length=8, description="units of each layer between; none: a linear one")

    @property
    def label(self) -> str:
        """A short name for tables, such as ``mlp-64``."""
        return "-".join(["mlp", *map(str, self.hidden)]) if self.hidden else "linear"
