"""What is decided from a table, as a name's parameters say it. Imports no torch, so that naming a decision stays instant.

Columns are counted from 0, in the order of the table or of ``data.columns``, and are in standard deviations of the training pool
(of logarithms, where the table takes them), because that is what models are fitted to.
"""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from fortifai.config import Identity, Parametrised

Policy = Literal["newsvendor", "value-at-risk", "portfolio", "threshold"]

DEFAULTS: dict[Policy, dict[str, Any]] = {
    "newsvendor": {"column": 0, "ratio": 0.9},
    "value-at-risk": {"level": 0.95},
    "portfolio": {},
    "threshold": {"score": 0, "cost": 1, "charge": 0.0},
}
"""The keys of every policy, with their defaults."""

OPTIONAL: dict[Policy, tuple[str, ...]] = {"newsvendor": (), "value-at-risk": ("column",), "portfolio": (), "threshold": ()}
"""Those of every policy that may be absent."""


class Decision(Parametrised):
    """A decision that is made from the rows of a table; `policies` has what each one decides, and what that costs."""

    name: ClassVar[str] = "decision_regret"
    policy: Identity[Policy] = Field("newsvendor", description="what is decided")
    column: Identity[int | None] = Field(
        None, ge=0, description="newsvendor: demand; value-at-risk: the loss, by default the mean of all columns"
    )
    ratio: Identity[float | None] = Field(
        None, gt=0, lt=1, description="newsvendor: what a unit too few costs, as a share of that and of what one too many costs"
    )
    level: Identity[float | None] = Field(None, gt=0, lt=1, description="value-at-risk: how probably a loss is within it")
    score: Identity[int | None] = Field(None, ge=0, description="threshold: the column that is looked at")
    cost: Identity[int | None] = Field(None, ge=0, description="threshold: the column with what a row costs that is left alone")
    charge: Identity[float | None] = Field(None, description="threshold: what a row costs that is acted on")

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, values: Any) -> Any:
        policy = values.get("policy", "newsvendor") if isinstance(values, dict) else None
        return {**DEFAULTS[policy], **values} if isinstance(policy, str) and policy in DEFAULTS else values

    @model_validator(mode="after")
    def _keys_of_policy(self) -> Self:
        known = (*DEFAULTS[self.policy], *OPTIONAL[self.policy])
        every = {key for keys in (*DEFAULTS.values(), *OPTIONAL.values()) for key in keys}
        if strange := sorted(key for key in every if getattr(self, key) is not None and key not in known):
            raise ValueError(f"policy={self.policy} has no {strange[0]} (known: {', '.join(known) or 'none'})")
        if self.policy == "threshold" and self.score == self.cost:
            raise ValueError(f"score and cost should be two columns, not {self.score} twice")
        return self

    @property
    def columns(self) -> tuple[int, ...]:
        """The columns that it names."""
        return tuple(column for column in (self.column, self.score, self.cost) if column is not None)
