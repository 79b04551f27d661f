"""What a suite is once its file has been read: regimes, each with everything that decides the numbers of its chains."""

import math
import re
from typing import Any, Literal

from pydantic import Field, SerializeAsAny, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError

from fortifai import metrics as metric_registry
from fortifai import objectives
from fortifai.config import Frozen, Identity, ModelConfig, Runtime, Sampling
from fortifai.contract.declaration import modalities
from fortifai.contract.metric import Metric
from fortifai.errors import UnknownName, UserError
from fortifai.fidelity.rule import BASELINE, CONTROL, DEFAULT_RULE, parse_rule
from fortifai.limits import MOST_GENERATIONS, MOST_SEEDS
from fortifai.recursion import strategies
from fortifai.sanitise import EXPLORE, LONGEST_NAME, NAME_RULE, is_name, run_name

MOST_SECONDS = 1e9
"""Seconds, 32 years, that a suite may say a generation or a sample takes."""

SHARE = re.compile(r"pool/[1-9][0-9]{0,8}")
"""An n that is known once the data is: the training pool in so many equal parts."""


class Regime(Frozen):
    """A named block of a suite: one modality, model and data set, the sizes and the sampling.

    What an Identity field holds decides the numbers of a chain; a Runtime field decides how many chains there are, how long
    they go on and how they are read.
    """

    name: Identity[str] = Field(description="of its table; it also names a file")
    modality: Identity[str]
    model: Identity[SerializeAsAny[ModelConfig]]
    data: Identity[SerializeAsAny[Frozen]]
    sampling: Identity[SerializeAsAny[Sampling]]
    n: Identity[int | str] = Field(
        description='training samples of generation 0, and samples a generation makes; "pool/6": a sixth of the training pool'
    )
    pool: Runtime[int | None] = Field(
        None, ge=1, validate_default=True, description="size of the pool that n is a share of, for estimates before it is read"
    )
    start: Identity[Literal["warm", "scratch"]] = Field("scratch", description="warm: fits start from the last model")
    metrics: Identity[tuple[str, ...]] = Field(
        description="what is measured; where not given, all that the modality has and that needs no extra or argument"
    )
    fidelity_metric: Identity[str] = Field(
        description="the metric that is scored by; a generation in which it is not finite has diverged"
    )
    measure_every: Identity[int] = Field(
        1,
        ge=1,
        le=MOST_GENERATIONS,
        exclude_if=lambda every: every == 1,  # so that chains from before it have the ids that they had
        description="metrics but the fidelity metric are measured in generation 0 and every so many generations",
    )
    generations: Runtime[int] = Field(ge=1, le=MOST_GENERATIONS, description="the horizon: the last generation")
    seeds: Runtime[int] = Field(5, ge=1, le=MOST_SEEDS, description="chains for each strategy and objective, by seeds from 0 on")
    control_seeds: Runtime[int | None] = Field(
        None,
        ge=1,
        le=MOST_SEEDS,
        exclude_if=lambda seeds: seeds is None,  # so that suites from before it are described as they were
        description="chains of the control strategy for each objective, where fewer than of the others are enough",
    )
    explore_seeds: Runtime[int] = Field(
        3, ge=1, le=MOST_SEEDS, description="the same of a run to choose settings by, --explore, whose seeds are from 10000 on"
    )
    objectives: Runtime[tuple[str, ...]]
    strategies: Runtime[tuple[str, ...]]
    seconds_per_generation: Runtime[float] = Field(
        gt=0, le=MOST_SECONDS, description="measured on one core, whatever the training size"
    )
    seconds_per_sample: Runtime[float] = Field(
        0.0, ge=0, le=MOST_SECONDS, description="measured on one core, on top for each training sample"
    )
    gpu: Runtime[bool] = Field(False, description="needs a CUDA device; its seconds are those of one, not of a core")

    @field_validator("name")
    @classmethod
    def _names_a_file(cls, name: str) -> str:
        if not is_name(name):
            raise ValueError(f"the name of a regime has {NAME_RULE}, not {name!r}")
        return name

    @field_validator("sampling")
    @classmethod
    def _fits_model(cls, sampling: Sampling, info: ValidationInfo) -> Sampling:
        sampling.require(info.data["model"])
        return sampling

    @field_validator("n", mode="plain")
    @classmethod
    def _count_or_share(cls, n: object) -> int | str:
        if isinstance(n, str) and SHARE.fullmatch(n):
            return n
        if isinstance(n, str):
            raise ValueError(f'input should be a valid integer, or a share of the training pool such as "pool/6", not {n!r}')
        if isinstance(n, float) and not math.isfinite(n):
            raise PydanticKnownError("finite_number")
        if not isinstance(n, int) or isinstance(n, bool):
            raise PydanticKnownError("int_type")
        if n < 1:
            raise PydanticKnownError("greater_than_equal", {"ge": 1})
        return n

    @field_validator("pool")
    @classmethod
    def _pool_of_a_share(cls, pool: int | None, info: ValidationInfo) -> int | None:
        if pool is None and isinstance(info.data.get("n"), str):
            raise ValueError(f"is required where n is a share of it: about how many samples it has, for n = {info.data['n']}")
        return pool

    @field_validator("objectives")
    @classmethod
    def _baseline_first(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return canonical_objectives(names, info.data.get("modality"), info.data.get("start"))

    @field_validator("strategies")
    @classmethod
    def _with_control(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        canonical = canonical_strategies(names)
        if CONTROL not in canonical:
            raise ValueError(f"every suite has control chains: add {CONTROL!r}")
        return canonical

    def size(self, pool: int | None = None) -> int:
        """Return n as a number, at least 1.

        Args:
            pool: Samples of the training pool that n may be a share of; None: the number that the suite expects.
        """
        if isinstance(self.n, int):
            return self.n
        whole = self.pool if pool is None else pool
        if whole is None:
            raise ValueError(f"n = {self.n} of a pool of unknown size")  # validation refuses a share without it
        return max(1, whole // int(self.n.partition("/")[2]))

    def seeds_of(self, strategy: str, seeds: int) -> int:
        """Return how many of these seeds chains of a strategy are run by: all, or fewer of the control."""
        return seeds if strategy != CONTROL or self.control_seeds is None else min(seeds, self.control_seeds)

    def metric(self, name: str) -> Metric:
        """Return the declaration of one of this regime's metrics. Raises UserError."""
        return metric_registry.find(modalities.get(self.modality), name)


class Suite(Frozen):
    """A validated suite.

    ``source`` is the content of its file, ``overrides`` the user's settings; workers build the same suite from the two.
    """

    schema_version: Runtime[Literal[1]] = Field(alias="schema")
    name: Runtime[str] = Field(
        pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=LONGEST_NAME, description="lower case, digits and hyphens"
    )
    version: Runtime[int] = Field(ge=1, lt=10**9)
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
        """``name@version``, with a hash of the user's settings behind it where there are some, and ``+explore``."""
        return run_name(self.name, self.version, self.overrides)

    @property
    def explores(self) -> bool:
        """Whether its chains are of the seeds that settings are chosen on, and not of those that a published table rests on."""
        return bool(self.overrides.get(EXPLORE))

    def regime(self, name: str) -> Regime:
        """Return a regime by name. Raises UnknownName."""
        by_name = {regime.name: regime for regime in self.regimes}
        if name not in by_name:
            raise UnknownName("regime", name, by_name, see=f"fortifai describe {self.name}")
        return by_name[name]


def canonical_objectives(names: tuple[str, ...], modality: str | None, start: str | None) -> tuple[str, ...]:
    """Return the canonical names, each once, with the baseline in front whether it was named or not.

    Args:
        names: Objectives as a user writes them.
        modality: Where it weighs elements of several units, every canonical name has its unit; None: unknown.
        start: Of fits, as `Regime.start`; None: unknown.

    Raises:
        UserError: An objective is unknown or for other modalities, a parameter is wrong, or the modality does not have its unit
            or its scale, or not in a chain whose fits start like this.
    """
    if modality is None or modality not in modalities:
        return tuple(dict.fromkeys((BASELINE, *(objectives.resolve(name).canonical for name in names))))
    elements = modalities.get(modality).elements
    resolved = [objectives.resolve_for(name, elements) for name in names]
    for objective in resolved:
        if objective.modalities and modality not in objective.modalities:
            raise UserError(f"objective {objective.canonical!r} is for {', '.join(objective.modalities)}, not for {modality}")
    if start == "scratch":
        for objective in resolved:
            _check_from_scratch(objective, elements, modality)
    return tuple(dict.fromkeys((BASELINE, *(objective.canonical for objective in resolved))))


def _check_from_scratch(objective: objectives.Objective, elements: objectives.Elements, modality: str) -> None:
    """Raise UserError for an objective whose scale or anchors would be others after every fit from scratch."""
    if elements.carried and objective.compares_generations:
        remedy = ", or add scale=relative" if isinstance(objective, objectives.Scaled) else ""
        raise UserError(
            f"objective {objective.canonical!r} compares confidence over generations, and in {modality!r} a fit from scratch "
            f'sets its scale anew, so that it would move with every generation: set start = "warm"{remedy}'
        )
    if isinstance(objective, objectives.AnchoredTruncation) and objective.unit in elements.grouped:
        other = next((f", or unit={unit}" for unit in elements.units if unit not in elements.grouped), "")
        raise UserError(
            f"objective {objective.canonical!r} holds every {objective.unit} to its own anchor, and in {modality!r} a fit "
            f'from scratch finds them anew, in another order: set start = "warm"{other}'
        )


def canonical_strategies(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the canonical names, each once. Raises UserError."""
    return tuple(dict.fromkeys(strategies.resolve(name).canonical for name in names))
