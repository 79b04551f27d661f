"""Settings of the analytic models and their data. Imports no torch."""

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from fortifai.config import Frozen, Identity, ModelConfig


class AnalyticData(Frozen):
    """How much real data is drawn from the true distribution, and for how many chains at once."""

    rows: Identity[int] = Field(100_000, ge=1, description="real samples in the training pool of a chain")
    held_out: Identity[int] = Field(1_000, ge=1, description="samples in the validation and in the test split, each")
    chains: Identity[int | None] = Field(None, ge=1, description="chains that advance together; none: one, without a chain axis")
    seed: Identity[int] = Field(0, ge=0, description="of the draw")


class GaussianConfig(ModelConfig):
    """A Gaussian with free mean and variance; the truth is the standard normal distribution."""

    @property
    def label(self) -> str:
        """A short name for tables: ``gaussian``."""
        return "gaussian"


class CategoricalConfig(ModelConfig):
    """A categorical distribution with free probabilities, and the true ones."""

    probabilities: Identity[tuple[float, ...]] = Field((0.4, 0.3, 0.2, 0.1), min_length=2, description="the true probabilities")

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        if min(self.probabilities) <= 0 or not math.isclose(sum(self.probabilities), 1, abs_tol=1e-9):
            raise ValueError("probabilities must be positive and sum to 1")
        return self

    @property
    def label(self) -> str:
        """A short name for tables, such as ``categorical-4`` of 4 classes."""
        return f"categorical-{len(self.probabilities)}"


class RegressionConfig(ModelConfig):
    """Least squares on standard normal features; every true coefficient is 1, the noise is 1 and known."""

    features: Identity[int] = Field(5, ge=1, description="features, and so coefficients; there is no intercept")
    design: Identity[Literal["fresh", "shared"]] = Field(
        "fresh", description="the features of what a generation makes: drawn anew, or those of the rows that it relabels"
    )

    @property
    def label(self) -> str:
        """A short name for tables, such as ``regression-5-fresh`` of 5 features."""
        return f"regression-{self.features}-{self.design}"
