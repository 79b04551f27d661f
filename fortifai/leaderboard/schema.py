"""`leaderboard.json`, field by field."""

from pydantic import Field

from fortifai.fidelity.scores import ScoreFile, ScoreRow
from fortifai.storage import Stored


class RankedRow(ScoreRow):
    """A score row with its place in its group."""

    rank: int | None = Field(description="1 = longest FI of its modality, model, regime and strategy; null when unscored")


class Reproduce(Stored):
    """How to run it again, with the same numbers."""

    fortifai: str = Field(description="version that ran it")
    commands: list[str] = Field(description="what to type, in order")
    seeds: dict[str, int] = Field(description="chains of each objective and strategy, by regime")
    generations: dict[str, int] = Field(description="last generation run, by regime")
    data: dict[str, list[str]] = Field(description="hashes of the real data, by regime")
    nulls: dict[str, float | None] = Field(description="D_null, by regime")
    commits: list[str] = Field(description="commits of the source that the chains were run from")


class AcrossModalities(Stored):
    """One objective's extension ratio over all modalities."""

    strategy: str | None = Field(description="how training data is composed")
    objective: str = Field(description="the loss")
    geometric_mean: float = Field(description="of the modalities' ratios")
    modalities: dict[str, float] = Field(description="each modality's ratio: the geometric mean over its regimes")


class Leaderboard(ScoreFile):
    """A run's score, ranked, with what is needed to run it again."""

    suite: str = Field(description="name of the suite")
    version: int | str = Field(description="its version")
    identity: str = Field(description="name@version, with +hash behind it when settings were overridden")
    rule: str = Field(description="when a chain counts as collapsed")
    baseline: str = Field(description="the objective that the others are compared with")
    rows: list[RankedRow] = Field(description="by group, then rank, then name")
    across_modalities: list[AcrossModalities] = Field(description="empty unless the suite has several modalities")
    reproduce: Reproduce = Field(description="how to run it again")
