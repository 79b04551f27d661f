"""The tables of scores and comparisons that are printed and published, field by field.

A field that is added, dropped or changes its meaning raises the ``schema`` number: a file is read by the version that it
names, or refused with that number.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from fortifai.storage import Number, Stored, StoredFile

if TYPE_CHECKING:
    import pandas as pd


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
    ratio_over_thresholds: Estimate | None = Field(None, description="that over the baseline's, paired by seed")
    p_value_over_thresholds: Number = Field(None, description="two-sided, of that ratio being 1, Holm-adjusted")
    masked_share: Number = Field(description="mean share of elements masked up to the baseline's onset")
    reason: str | None = Field(description="why something is null or should be read with care")

    # For sentences, and not part of the document: `reason` says it in words.
    pairs: int | None = Field(None, exclude=True, description="seeds with a finished chain of the baseline as well")
    visible_ratio: Number = Field(None, exclude=True, description="smallest ER that is found more often than not, where none was")


class ScoreFile(StoredFile):
    """Base of the files of scores. Version 2 has a ratio over all thresholds; files of version 1 are read."""

    readable: ClassVar[tuple[int, ...]] = (1, 2)
    schema_version: int = Field(2, alias="schema", description="schema version of this file")


class ScoreTable(ScoreFile):
    """The score of a run or a file: one row for each objective of each group."""

    rows: list[ScoreRow] = Field(description="ordered by group, then the baseline, then by name")

    def to_rows(self) -> list[dict[str, Any]]:
        """Return the rows as plain values by column, of which an estimate has three, such as ``fidelity_interval_low``.

        Scores by other thresholds are left out.
        """
        return [_flat(row) for row in self.rows]

    def to_frame(self) -> "pd.DataFrame":
        """Return the rows as a data frame, with the columns of `to_rows`."""
        import pandas as pd  # here, so that reading a table does not wait half a second for pandas

        return pd.DataFrame(self.to_rows())


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
    ratio_over_thresholds: Estimate | None = Field(None, description="the same of the mean of FI over all thresholds in (0, 1)")
    p_value_over_thresholds: Number = Field(None, description="two-sided, of that ratio being 1, Holm-adjusted")
    metric: str = Field(description="the metric that is scored by")
    rule: str = Field(description="when a chain counts as collapsed")
    horizon: int = Field(description="last generation that all the chains have in common")
    reason: str | None = Field(description="why something is null or should be read with care")


class ComparisonTable(ScoreFile):
    """Two runs or files compared: one row for each pair of objectives of each group that both have."""

    rows: list[ComparisonRow] = Field(description="ordered by metric, then group, then objective")


def _flat(row: ScoreRow) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.model_dump(exclude={"other_thresholds"}).items():
        if name in ("fidelity_interval", "extension_ratio", "ratio_over_thresholds", "control_false_positive_rate"):
            ends = value or {"value": None, "low": None, "high": None}
            flat[name] = ends["value"]
            flat |= {f"{name}_{end}": ends[end] for end in ("low", "high")}
        else:
            flat[name] = value
    flat["lower_bound"] = bool(row.extension_ratio and row.extension_ratio.lower_bound)
    return flat
