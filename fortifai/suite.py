"""What a suite is once its file has been read: regimes, each with everything that decides the numbers of its chains."""

import hashlib
import json
from typing import Any, Literal

from pydantic import Field, SerializeAsAny, field_validator

from fortifai import metrics as metric_registry
from fortifai import objectives, strategies
from fortifai.config import Frozen, Identity, ModelConfig, Runtime, Sampling
from fortifai.declaration import Metric, modalities
from fortifai.errors import UnknownName
from fortifai.fidelity.rule import DEFAULT_RULE, parse_rule

BASELINE = "ce"
"""The objective that every other one is compared with; it is part of every regime."""


class Regime(Frozen):
    """A named block of a suite: one modality, model and data set, the sizes and the sampling.

    What an Identity field holds decides the numbers of a chain; a Runtime field decides how many chains there are, how long
    they go on and how they are read.
    """

    name: Identity[str]
    modality: Identity[str]
    model: Identity[SerializeAsAny[ModelConfig]]
    data: Identity[SerializeAsAny[Frozen]]
    sampling: Identity[SerializeAsAny[Sampling]]
    n: Identity[int] = Field(ge=1, description="training samples of generation 0, and samples a generation makes")
    start: Identity[Literal["warm", "scratch"]] = Field("scratch", description="warm: fits start from the last model")
    metrics: Identity[tuple[str, ...]] = Field(
        description="what is measured; where not given, all that the modality has and that needs no extra or argument"
    )
    fidelity_metric: Runtime[str] = Field(description="the metric that is scored by")
    generations: Runtime[int] = Field(ge=1, description="the horizon: the last generation")
    seeds: Runtime[int] = Field(5, ge=1, description="chains for each strategy and objective")
    objectives: Runtime[tuple[str, ...]]
    strategies: Runtime[tuple[str, ...]]
    seconds_per_generation: Runtime[float] = Field(gt=0, description="measured on one core, whatever the training size")
    seconds_per_sample: Runtime[float] = Field(0.0, ge=0, description="measured on one core, on top for each training sample")

    @field_validator("objectives")
    @classmethod
    def _baseline_first(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return canonical_objectives(names)

    @field_validator("strategies")
    @classmethod
    def _with_control(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        found = canonical_strategies(names)
        if "control" not in found:
            raise ValueError("every suite has control chains: add 'control'")
        return found

    def metric(self, name: str) -> Metric:
        """Give the declaration of one of this regime's metrics."""
        return metric_registry.find(modalities.get(self.modality), name)


class Suite(Frozen):
    """A validated suite. ``source`` is the content of its file, with the user's settings in it."""

    schema_version: Runtime[Literal[1]] = Field(alias="schema")
    name: Runtime[str] = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="lower case, digits and hyphens")
    version: Runtime[int] = Field(ge=1)
    summary: Runtime[str]
    rule: Runtime[str] = DEFAULT_RULE
    regimes: Runtime[tuple[Regime, ...]]
    overrides: Runtime[dict[str, Any]] = Field(default_factory=dict)
    source: Runtime[dict[str, Any]]

    @field_validator("rule")
    @classmethod
    def _rule_parses(cls, rule: str) -> str:
        return str(parse_rule(rule))

    @property
    def tag(self) -> str:
        """``name@version``, with a hash of the user's settings behind it where there are some."""
        name = f"{self.name}@{self.version}"
        if not self.overrides:
            return name
        text = json.dumps(self.overrides, sort_keys=True, default=str)
        return f"{name}+{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def regime(self, name: str) -> Regime:
        """Give a regime by name. Raises UnknownName."""
        found = {regime.name: regime for regime in self.regimes}
        if name not in found:
            raise UnknownName("regime", name, found, see=f"fortifai describe {self.name}")
        return found[name]


def canonical_objectives(names: tuple[str, ...]) -> tuple[str, ...]:
    """Give the canonical names, each once, with the baseline in front whether it was named or not."""
    return tuple(dict.fromkeys((BASELINE, *(objectives.resolve(name).canonical for name in names))))


def canonical_strategies(names: tuple[str, ...]) -> tuple[str, ...]:
    """Give the canonical names, each once."""
    return tuple(dict.fromkeys(strategies.resolve(name).canonical for name in names))
