"""A suite with one small regime, and what a test says is done of it."""

from dataclasses import dataclass, field
from typing import Any

from fortifai.config import Sampling
from fortifai.modalities.tabular.config import MixtureConfig, TableData
from fortifai.planning.chains import Selection
from fortifai.planning.cost import Cost
from fortifai.planning.cost import estimate as estimate_cost
from fortifai.planning.plan import Measured, Plan, make_plan
from fortifai.planning.suite import Regime, Suite
from fortifai.records.reading import Progress


def regime(**changes: Any) -> Regime:
    fields: dict[str, Any] = {"name": "plain", "modality": "tabular", "model": MixtureConfig(components=2), "n": 60}
    fields |= {"data": TableData(source="mixture-2d"), "sampling": Sampling(), "generations": 3, "seeds": 2}
    fields |= {"metrics": ("sliced_wasserstein", "nll"), "fidelity_metric": "sliced_wasserstein"}
    fields |= {"objectives": ("tce",), "strategies": ("replace", "control")}
    fields |= {"seconds_per_generation": 0.5, "seconds_per_sample": 0.01}
    return Regime(**(fields | changes))


def suite(*regimes: Regime) -> Suite:
    return Suite(schema=1, name="own", version=1, summary="", regimes=regimes or (regime(),), source={})


def plan(chosen: Suite | None = None, **selection: Any) -> Plan:
    """Return the plan of a part of a suite; by default all of the suite above."""
    return make_plan(chosen or suite(), Selection(**selection))


@dataclass
class Done:
    """What is done.

    By chain id, where the chain stands; what generations took that were run; shared generations 0; the bytes of a kept model.
    """

    states: dict[str, Progress] = field(default_factory=dict)
    speed: list[Measured] = field(default_factory=list)
    generations_0: set[str] = field(default_factory=set)
    model: int | None = None

    def progress(self, chain_id: str, horizon: int) -> Progress:
        return self.states.get(chain_id, Progress("pending", 0))

    def measured(self, regime: str) -> list[Measured]:
        return self.speed

    def model_bytes(self, regime: str) -> int | None:
        return self.model

    def has_generation_0(self, key: str) -> bool:
        return key in self.generations_0


NOTHING = Done()


def cost(chosen: Suite | None = None, done: Done = NOTHING, *, workers: int = 1, keep: str = "last", **selection: Any) -> Cost:
    """Return what is left of a plan, and what it costs."""
    return estimate_cost(plan(chosen, **selection), done, workers=workers, keep=keep)
