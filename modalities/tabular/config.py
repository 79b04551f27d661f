"""Settings of tables and mixtures. Imports no torch, so that listing and validating stay instant."""

from typing import Any

from pydantic import Field, model_validator

from fortifai.config import Frozen, Identity, ModelConfig, Runtime
from fortifai.device import DeviceName


class MixtureConfig(ModelConfig):
    """A Gaussian mixture with full covariances, and how EM fits it."""

    components: Identity[int] = Field(5, ge=1, description="Gaussians in the mixture")
    max_iterations: Identity[int] = Field(100, ge=1, description="most EM iterations in one fit")
    tolerance: Identity[float] = Field(1e-3, gt=0, description="EM stops when the mean log-likelihood changes by less, in nats")
    covariance_floor: Identity[float] = Field(1e-6, ge=0, description="added to the diagonal of every covariance")
    device: Runtime[DeviceName] = "auto"

    @property
    def label(self) -> str:
        """A short name for tables, such as ``gaussian-mixture-5`` of 5 components."""
        return f"gaussian-mixture-{self.components}"


class TableData(Frozen):
    """Which table, which of its columns, and how it is transformed and split. A plain string stands for ``source``."""

    source: Identity[str] = Field("diamonds", min_length=1, description="a bundled table, or the path of a .csv or .parquet file")
    columns: Identity[tuple[str, ...] | None] = Field(None, min_length=1, description="columns to use; none named means all")
    logs: Identity[tuple[str, ...] | None] = Field(None, description="columns to take the logarithm of; default: the table's own")
    clip: Identity[float] = Field(6.0, gt=0, description="values beyond this many standard deviations are moved there")
    validation: Identity[float] = Field(0.1, gt=0, lt=0.5, description="share of the rows held out for validation")
    test: Identity[float] = Field(0.3, gt=0, lt=0.5, description="share of the rows held out for testing")
    most_held_out: Identity[int] = Field(2000, ge=1, description="most rows in the validation and in the test split, each")
    seed: Identity[int] = Field(0, ge=0, description="of the split")

    @model_validator(mode="before")
    @classmethod
    def _from_source_alone(cls, value: Any) -> Any:
        return {"source": value} if isinstance(value, str) else value
