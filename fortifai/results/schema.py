"""Every file that a run leaves and every score that is published, field by field.

The runner writes with these models and the scorer reads with them. A field that is added, dropped or changes its meaning
gets a new ``schema`` number: a file is read by the version that it names, or refused with that number.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from fortifai.config import explain
from fortifai.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

VERSION: Final = 1
"""The schema version that is written, and the only one that is read so far."""

Better = Literal["lower", "higher"]
"""The direction in which a fidelity metric improves."""


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_finite)]
"""A finite number, or None: NaN and infinity become None here, since JSON has neither."""


class Stored(BaseModel):
    """Base of everything stored: immutable, and without keys that the schema does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class StoredFile(Stored):
    """Base of a whole file, which names its schema version."""

    schema_version: Literal[1] = Field(VERSION, alias="schema", description="schema version of this file")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read one file.

        Raises UserError when it is missing, is no JSON, carries another schema version (says which), or breaks the schema.
        """
        try:
            content = from_json(path.read_bytes())
        except FileNotFoundError:
            raise UserError(f"{path}: no such file") from None
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read as JSON: {error}") from None
        found = content.get("schema") if isinstance(content, dict) else None
        if found != VERSION:
            remedy = "install the version of fortifai that wrote it, or run the suite again into another folder"
            raise UserError(f"{path}: has schema version {found!r}, and this fortifai reads version {VERSION}; {remedy}")
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise UserError(f"{path}: {'; '.join(explain(error))}") from None


class SuiteDescription(Stored):
    """The suite as it was run: the fields named here, and all the others of the suite file."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(description="the suite's name")
    version: int | str = Field(description="the suite's version, which changes whenever its numbers may")
    rule: str = Field(description="when a chain counts as collapsed, such as phi<0.75")
    identity: str = Field(description="name@version, with +hash behind it when settings were overridden")


class SuiteRecord(StoredFile):
    """`suite.json`: which suite a run folder belongs to."""

    fortifai: str = Field(description="version of fortifai that started the run")
    suite: SuiteDescription = Field(description="the whole suite")


class NullRecord(StoredFile):
    """`nulls/<regime>.json`: the fidelity metric of a model that has lost everything, measured once a regime."""

    regime: str = Field(description="the suite's regime")
    metric: str = Field(description="the fidelity metric")
    n: int = Field(description="samples in each null")
    data_hash: str = Field(description="hash of the data it was measured on")
    values: list[float] = Field(description="the metric of each null: one training sample repeated n times")
    value: float = Field(description="their median, or chance for an accuracy: D_null of the fidelity")


class ChainRecord(StoredFile):
    """`<chain>/chain.json`: what one chain is, and where and with what it was run."""

    id: str = Field(description="hash of all that decides the numbers; also the folder's name")
    suite: str = Field(description="identity of the suite")
    modality: str = Field(description="name of the modality")
    model: str = Field(description="short label of the model")
    regime: str = Field(description="the suite's regime")
    strategy: str = Field(description="how training data is composed, canonical form")
    objective: str = Field(description="the loss, canonical form")
    seed: int = Field(description="seed of the chain; chains of equal seed are paired")
    horizon: int = Field(ge=0, description="last generation that was asked for")
    data_hash: str = Field(description="hash of the real data")
    fidelity_metric: str = Field(description="the metric that the suite scores by")
    better: Better = Field(description="direction in which the fidelity metric improves")
    null: float | None = Field(description="D_null, as in nulls/; null when there is none")
    identity: dict[str, Any] = Field(description="all that the id is a hash of")
    versions: dict[str, str] = Field(description="versions of Python and the libraries that ran it")
    commit: str | None = Field(description="commit of the source, null outside a checkout")
    hardware: dict[str, Any] = Field(description="machine, processor, cores, threads")


class TrainingRecord(Stored):
    """How the training data of one generation was made up, in samples."""

    size: int = Field(description="all samples")
    real: int = Field(description="real ones")
    synthetic: int = Field(description="those that some generation made")
    reused: int = Field(description="of the real ones that it drew, those that an earlier generation of the chain had drawn")


class GenerationRecord(Stored):
    """One line of `<chain>/generations.jsonl`: what was measured on one generation."""

    generation: int = Field(ge=0, description="0 = fitted to real data only")
    status: Literal["ok", "diverged"] = Field(description="diverged: training left the finite numbers, and the chain ends here")
    reason: str | None = Field(None, description="why it diverged")
    metrics: dict[str, Number] = Field(description="every metric by name; null where it is not defined")
    masked_share: Number = Field(description="share of elements that the objective masked, in [0, 1]")
    training: TrainingRecord | None = Field(description="how the training data was made up")
    notes: dict[str, Number] = Field(
        default_factory=dict,
        description="what the adapter says of its fit, such as em_iterations; own_nll where the objective follows it",
    )
    confidence: dict[str, Any] = Field(
        description="confidence on the generation's own samples (synthetic) and on held-out data (real): mean, quantiles such as "
        "q95, and histogram, the shares of elements in equal bins of [0, 1]; earlier versions wrote no histogram"
    )
    seconds: dict[str, float] = Field(description="wall-clock time of each step")
    samples_per_second: Number = Field(description="speed of sampling")
    peak_memory_bytes: int | None = Field(description="largest resident memory of the process so far")


class FailureRecord(StoredFile):
    """`<chain>/failure.json`: the chain crashed, so it is incomplete: not a collapse, and never scored."""

    reason: str = Field(description="what went wrong, one line")
    generation: int | None = Field(description="the generation that it happened in")


class Estimate(Stored):
    """A number with its 95 % interval."""

    value: float = Field(description="point estimate")
    low: Number = Field(description="lower end; null when the data cannot say")
    high: Number = Field(description="upper end; null when the data cannot say")


class Ratio(Estimate):
    """A ratio with its 95 % interval."""

    lower_bound: bool = Field(description="true when a chain of the numerator is censored: the ratio is at least this")


class ThresholdScore(Stored):
    """The same score by another threshold of fidelity."""

    fidelity_interval: Estimate | None = Field(description="FI by this threshold, in generations")
    extension_ratio: Ratio | None = Field(description="ER by this threshold")
    censored: int = Field(description="scored chains that never crossed it")


class ScoreRow(Stored):
    """The score of one objective in one group: suite, modality, model, regime and strategy."""

    suite: str | None = Field(description="identity of the suite")
    modality: str | None = Field(description="name of the modality")
    model: str | None = Field(description="short label of the model")
    regime: str | None = Field(description="the suite's regime")
    strategy: str | None = Field(description="how training data is composed")
    objective: str = Field(description="the loss")
    chains: int = Field(description="finished chains, which the score rests on: complete ones and those that diverged")
    censored: int = Field(description="scored chains that never collapsed within the horizon")
    incomplete: int = Field(description="chains that were cut short, which are not scored")
    fidelity_interval: Estimate | None = Field(description="FI: mean generations until the onset of collapse, up to the horizon")
    extension_ratio: Ratio | None = Field(description="ER: FI over the baseline's, paired by seed")
    p_value: Number = Field(description="two-sided, of ER = 1, Holm-adjusted over the comparisons of the table")
    control_false_positive_rate: Estimate | None = Field(description="share of control chains that the rule calls collapsed")
    metric: str = Field(description="the metric that is scored by")
    rule: str = Field(description="when a chain counts as collapsed")
    horizon: int = Field(description="last generation that the row's chains have in common")
    phi_at_generation_0: Number = Field(description="mean fidelity of the objective's own generation 0")
    other_thresholds: dict[str, ThresholdScore] | None = Field(description="the score by other thresholds of fidelity")
    mean_over_thresholds: Number = Field(description="mean of FI over all thresholds in (0, 1)")
    masked_share: Number = Field(description="mean share of elements masked up to the baseline's onset")
    reason: str | None = Field(description="why something is null or should be read with care")


class ScoreTable(StoredFile):
    """The score of a run or a file: one row an objective in each group."""

    rows: list[ScoreRow] = Field(description="ordered by group, then the baseline, then by name")

    def to_frame(self) -> "pd.DataFrame":
        """Give one line a row; an estimate's ends are in columns such as ``fidelity_interval_low``, other thresholds left out."""
        import pandas as pd  # here, because the runner needs these models and not half a second of pandas

        return pd.DataFrame([_flat(row) for row in self.rows])


class ComparisonRow(Stored):
    """B against A in one group (modality, model, regime and strategy), paired by seed."""

    modality: str | None = Field(description="name of the modality")
    model: str | None = Field(description="short label of the model")
    regime: str | None = Field(description="the suite's regime")
    strategy: str | None = Field(description="how training data is composed")
    objective_a: str = Field(description="the loss of A")
    objective_b: str = Field(description="the loss of B")
    chains: int = Field(description="pairs of finished chains of the same seed")
    censored_a: int = Field(description="chains of A that never collapsed within the horizon")
    censored_b: int = Field(description="chains of B that never collapsed within the horizon")
    fidelity_interval_a: Estimate = Field(description="FI of A over those chains")
    fidelity_interval_b: Estimate = Field(description="FI of B over those chains")
    difference: Estimate = Field(description="FI of B minus FI of A, in generations")
    ratio: Ratio | None = Field(description="FI of B over FI of A")
    p_value: Number = Field(description="two-sided, of a ratio of 1, Holm-adjusted over the comparisons of the table")
    metric: str = Field(description="the metric that is scored by")
    rule: str = Field(description="when a chain counts as collapsed")
    horizon: int = Field(description="last generation that all the chains have in common")
    reason: str | None = Field(description="why something is null or should be read with care")


class ComparisonTable(StoredFile):
    """Two runs or files compared: one row a pair of objectives in each group that both have."""

    rows: list[ComparisonRow] = Field(description="ordered by metric, then group, then objective")


def _flat(row: ScoreRow) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.model_dump(exclude={"other_thresholds"}).items():
        if name in ("fidelity_interval", "extension_ratio", "control_false_positive_rate"):
            ends = value or {"value": None, "low": None, "high": None}
            flat[name] = ends["value"]
            flat |= {f"{name}_{end}": ends[end] for end in ("low", "high")}
        else:
            flat[name] = value
    flat["lower_bound"] = bool(row.extension_ratio and row.extension_ratio.lower_bound)
    return flat
