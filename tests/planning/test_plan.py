"""The plan: which chains there are, by what they are identified, what is done of them and what the rest costs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fortifai.config import Frozen, Role, Sampling
from fortifai.contract.declaration import modalities
from fortifai.errors import UserError
from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter
from fortifai.modalities.tabular.config import MixtureConfig, TableData
from fortifai.needs import Need
from fortifai.planning.chains import Selection
from fortifai.planning.identity import chain_id, chain_identity
from fortifai.planning.plan import Plan, make_plan
from fortifai.planning.suite import Regime, Suite
from fortifai.records.reading import Progress
from fortifai.runner.worker import chain_of

OTHER: dict[str, Any] = {
    "name": "other",
    "modality": "text",
    "model": MixtureConfig(components=3),
    "data": TableData(source="penguins"),
    "sampling": Sampling(temperature=0.5),
    "n": 61,
    "pool": 99,
    "gpu": True,
    "start": "warm",
    "metrics": ("ks_max",),
    "fidelity_metric": "ks_max",
    "generations": 9,
    "seeds": 9,
    "objectives": ("ce", "focal:gamma=2"),
    "strategies": ("control", "accumulate"),
    "seconds_per_generation": 9.0,
    "seconds_per_sample": 9.0,
}
"""Another value for every field of a regime."""

OTHER_MODEL = {"components": 3, "max_iterations": 7, "tolerance": 0.5, "covariance_floor": 0.5, "device": "cpu"}
OTHER_DATA: dict[str, Any] = {"source": "penguins", "columns": ("x",), "logs": ("x",), "clip": 3.0, "seed": 1}
OTHER_DATA |= {"validation": 0.2, "test": 0.2, "most_held_out": 7}


def regime(**changes: Any) -> Regime:
    given = {"name": "plain", "modality": "tabular", "model": MixtureConfig(components=2), "data": TableData(source="mixture-2d")}
    given |= {"sampling": Sampling(), "n": 60, "metrics": ("sliced_wasserstein", "nll"), "fidelity_metric": "sliced_wasserstein"}
    given |= {"generations": 3, "seeds": 2, "objectives": ("tce",), "strategies": ("replace", "control")}
    return Regime(**{**given, "seconds_per_generation": 0.5, "seconds_per_sample": 0.01, **changes})


def suite(*regimes: Regime) -> Suite:
    return Suite(schema=1, name="own", version=1, summary="", regimes=regimes or (regime(),), source={})


@dataclass
class Done:
    """What is done already, as a test says."""

    states: dict[str, Progress] = field(default_factory=dict)
    speed: list[tuple[int, float]] = field(default_factory=list)

    def progress(self, chain_id: str, horizon: int) -> Progress:
        return self.states.get(chain_id, Progress("pending", 0))

    def measured(self, regime: str) -> list[tuple[int, float]]:
        return self.speed


def plan(chosen: Suite | None = None, done: Done | None = None, *, workers: int = 1, keep: str = "last", **selected: Any) -> Plan:
    return make_plan(chosen or suite(), Selection(**selected), done or Done(), workers=workers, keep=keep)


# Identity: generically over fields, so that a field that is added is covered or missed loudly


def roles(cls: type[Frozen]) -> Iterator[tuple[str, Role]]:
    for name, info in cls.model_fields.items():
        (role,) = [item for item in info.metadata if isinstance(item, Role)]
        yield name, role


def identifier(chosen: Regime) -> str:
    return chain_id(chain_identity(chosen, "replace", "ce", 0, "0" * 16))


def cases() -> Iterator[Any]:
    for cls, prefix, values in ((Regime, "", OTHER), (MixtureConfig, "model", OTHER_MODEL), (TableData, "data", OTHER_DATA)):
        for name, role in roles(cls):
            assert name in values, f"{cls.__name__}.{name} is new: say another value for it here"
            yield pytest.param(prefix, name, values[name], role, id=f"{prefix or 'regime'}-{name}")
    assert [name for name, _ in roles(Sampling)] == ["temperature"]


@pytest.mark.parametrize(("table", "name", "value", "role"), list(cases()))
def test_a_field_moves_the_chain_id_exactly_when_it_decides_the_numbers(table, name, value, role, monkeypatch):
    any_modality = SimpleNamespace(get=lambda name: SimpleNamespace(version="1"))  # whose version would move the id as well
    monkeypatch.setattr("fortifai.planning.identity.modalities", any_modality)
    base = regime()
    holder = getattr(base, table) if table else base
    assert getattr(holder, name) != value
    changed = regime(**({table: holder.model_copy(update={name: value})} if table else {name: value}))
    assert (identifier(changed) != identifier(base)) == (role is Role.IDENTITY)


def test_the_chain_id_moves_with_strategy_objective_seed_data_adapter_and_protocol(monkeypatch):
    base = ("replace", "ce", 0, "a" * 16)
    others = [("accumulate", *base[1:]), ("replace", "tce:gamma=0.9", *base[2:]), (*base[:2], 1, base[3]), (*base[:3], "b" * 16)]
    identifiers = [chain_id(chain_identity(regime(), *given)) for given in (base, *others)]
    declared = modalities.get("tabular")
    monkeypatch.setattr("fortifai.planning.identity.modalities", {"tabular": type(declared)(**{**vars(declared), "version": "next"})})
    identifiers.append(chain_id(chain_identity(regime(), *base)))
    monkeypatch.setattr("fortifai.planning.identity.PROTOCOL_VERSION", 0)
    identifiers.append(chain_id(chain_identity(regime(), *base)))
    assert len(set(identifiers)) == len(identifiers)
    assert all(len(text) == 16 and int(text, 16) >= 0 for text in identifiers)


def test_the_chain_id_stays_the_same_from_one_version_to_the_next():
    assert chain_id({"b": 1, "a": [0.5, "ce"]}) == chain_id({"a": [0.5, "ce"], "b": 1}) == "75bd9ccdc52265e3"


# Which chains there are


def test_the_chains_are_every_objective_strategy_and_seed():
    found = plan().chains
    assert [(c.seed, c.strategy, c.objective) for c in found] == [
        (seed, strategy, objective)
        for seed in (0, 1)
        for strategy in ("replace", "control")
        for objective in ("ce", "tce:gamma=0.9")
    ]
    assert len({c.id for c in found}) == len(found)
    assert {(c.regime, c.horizon, c.state, c.finished) for c in found} == {("plain", 3, "pending", 0)}
    assert plan() == plan()


def test_chains_are_run_seed_by_seed_over_all_regimes():
    found = plan(suite(regime(), regime(name="other", n=70))).chains
    assert [(c.seed, c.regime) for c in found] == [(s, r) for s in (0, 1) for r in ("plain", "other") for _ in range(4)]


def test_a_selection_takes_a_part_and_the_baseline_is_always_in_it():
    one = plan(seeds=1, objectives=["focal:gamma=2.0"], strategies=["accumulate"], regimes=["plain", "plain"]).chains
    assert [(c.strategy, c.objective) for c in one] == [("accumulate", "ce"), ("accumulate", "focal:gamma=2")]
    assert [c.objective for c in plan(seeds=1, objectives=["ce"], strategies=["replace"]).chains] == ["ce"]
    assert [c.objective for c in plan(seeds=1, objectives=["tce", "tce:gamma=0.9"], strategies=["replace"]).chains] == [
        "ce",
        "tce:gamma=0.9",
    ]


def test_more_seeds_and_a_longer_horizon_extend_the_same_chains():
    few, many = plan().chains, plan(seeds=5, generations=30).chains
    assert many[: len(few)] != few
    assert [c.id for c in many[: len(few)]] == [c.id for c in few]
    assert {c.seed for c in many} == set(range(5))
    assert {c.horizon for c in many} == {30}


def test_a_strategy_that_ends_by_itself_has_a_shorter_horizon():
    assert {c.horizon for c in plan(strategies=["fresh-mix:k=3"]).chains} == {2}
    assert {c.horizon for c in plan(strategies=["fresh-mix:k=3"], generations=1).chains} == {1}


def test_a_planned_chain_is_what_its_regime_says():
    chosen = suite(regime(sampling=Sampling(temperature=0.5), start="warm"))
    planned = plan(chosen, strategies=["anchored"]).chains[-1]
    chain = chain_of(chosen, planned)
    assert (chain.strategy.canonical, chain.objective.canonical, chain.seed) == (
        planned.strategy,
        planned.objective,
        planned.seed,
    )
    assert (chain.n, chain.start, chain.sampling.temperature, chain.fidelity_metric) == (60, "warm", 0.5, "sliced_wasserstein")
    assert [metric.name for metric in chain.metrics] == ["sliced_wasserstein", "nll"]
    assert chain.splits.data_hash() == planned.data_hash


# What is wrong is said before anything runs


@pytest.mark.parametrize(
    ("selected", "said"),
    [
        ({"seeds": 0}, "--seeds 0: must be at least 1"),
        ({"generations": 0}, "--generations 0: must be at least 1"),
        ({"regimes": ["plian"]}, "unknown regime 'plian'; did you mean 'plain'"),
        ({"objectives": ["cee"]}, "unknown objective 'cee'; did you mean 'ce'"),
        ({"strategies": ["replcae"]}, "unknown strategy 'replcae'; did you mean 'replace'"),
        ({"strategies": ["weighted:ratio=1000"]}, "asks for 60000 real samples a generation, and the training pool has "),
    ],
)
def test_a_selection_that_cannot_be_run_is_explained(selected, said):
    with pytest.raises(UserError, match=said):
        plan(**selected)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n": 3, "model": MixtureConfig(components=4)}, "n = 3 samples are too few for 4 components"),
        ({"n": 2}, "n = 2 samples are too few for 2 columns"),
        ({"n": 100_000}, "n = 100000 real samples are asked for, and the training pool has"),
        (
            {"n": 49, "metrics": ("sliced_wasserstein", "tail_mass")},
            "n = 49 samples are too few for metric 'tail_mass', which needs 50",
        ),
        ({"data": TableData(source="penguin")}, "no data file 'penguin'.*did you mean 'penguins'"),
    ],
)
def test_a_size_that_data_model_or_metrics_cannot_serve_is_explained(changes, said):
    with pytest.raises(UserError, match=said):
        plan(suite(regime(**changes)))


# What the rest costs


def test_before_anything_ran_the_cost_is_what_the_suite_declares():
    # 8 chains of 4 generations, of 60 training samples each
    assert plan().estimate.seconds == pytest.approx(8 * 4 * (0.5 + 0.01 * 60))
    assert plan(workers=2).estimate.seconds == pytest.approx(plan().estimate.seconds / 2)
    assert plan(workers=100).estimate.seconds == pytest.approx(plan().estimate.seconds / 8, abs=0.05)
    growing = plan(strategies=["accumulate"]).estimate.seconds
    assert growing == pytest.approx(4 * (4 * 0.5 + 0.01 * 60 * (1 + 2 + 3 + 4)))


def test_the_cost_grows_with_seeds_and_horizon_and_memory_with_workers():
    base, seeds, longer = plan().estimate, plan(seeds=4).estimate, plan(generations=10).estimate
    assert base.seconds > 0
    assert base.disk_bytes > 0
    assert base.memory_bytes > 100 * 2**20
    assert seeds.seconds == pytest.approx(2 * base.seconds)
    assert seeds.disk_bytes == pytest.approx(2 * base.disk_bytes)
    assert longer.seconds > base.seconds
    assert plan(workers=2).estimate.memory_bytes == 2 * base.memory_bytes


def test_what_is_kept_decides_the_disk():
    none, last, samples, everything = (
        plan(keep=k, generations=20).estimate.disk_bytes for k in ("none", "last", "samples", "all")
    )
    assert 0 < none < last < samples < everything


def test_what_is_done_costs_nothing_more():
    chains = plan().chains
    all_done = {c.id: Progress("done", 4) for c in chains} | {chains[0].id: Progress("diverged", 2)}
    finished = plan(done=Done(all_done))
    assert (finished.estimate.seconds, finished.estimate.disk_bytes, finished.left()) == (0, 0, [])
    half = plan(done=Done({c.id: Progress("partial", 3) for c in chains}))
    assert half.estimate.seconds == pytest.approx(plan().estimate.seconds / 4)
    assert len(half.left()) == 8
    (left,) = plan(done=Done({**all_done, chains[3].id: Progress("failed", 1)})).left()
    assert (left.id, left.finished) == (chains[3].id, 1)


def test_once_something_ran_the_cost_is_what_was_measured():
    exact = Done(speed=[(60, 2.0), (120, 3.0), (180, 4.0)])  # 1 s, and 1 s for each 60 samples
    assert plan(done=exact).estimate.seconds == pytest.approx(8 * 4 * 2.0)
    assert plan(done=exact, strategies=["accumulate"]).estimate.seconds == pytest.approx(4 * (2 + 3 + 4 + 5))
    assert plan(done=Done(speed=[(60, 2.0), (60, 4.0)])).estimate.seconds == pytest.approx(8 * 4 * 3.0)


def test_a_file_with_another_content_makes_other_chains(tmp_path: Path):
    path = tmp_path / "own.csv"
    chosen = suite(regime(data=TableData(source=str(path))))

    def planned(period: int) -> Plan:
        path.write_text("\n".join(["a,b", *(f"{i % 17},{i % period}" for i in range(200))]))
        return plan(chosen, seeds=1)

    one, other, again = planned(13), planned(14), planned(13)
    assert not {c.id for c in one.chains} & {c.id for c in other.chains}
    assert again == one
    assert chain_of(chosen, one.chains[0]).n == 60
    with pytest.raises(UserError, match="the data of regime 'plain' has changed since the run was started"):
        chain_of(chosen, other.chains[0])


# What not every machine has


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


@pytest.fixture
def needy(monkeypatch):
    """The tabular adapter, needing two things, of which one is missing, as its reader would find out too late."""
    needs = (Need("the table of a hub", "copy it here"), Need("a licence"))
    monkeypatch.setattr(GaussianMixtureAdapter, "needs", lambda self, data: needs)
    monkeypatch.setattr(GaussianMixtureAdapter, "load", lambda self, data: pytest.fail("loaded what is missing"))
    return needs


def test_without_its_data_a_plan_lists_the_chains_all_the_same(needy):
    found = plan(suite(regime(gpu=True)), strategies=["replace"])
    assert [(c.objective, c.seed, c.horizon) for c in found.chains] == [
        (objective, seed, 3) for seed in (0, 1) for objective in ("ce", "tce:gamma=0.9")
    ]
    assert {(c.id, c.data_hash, c.state) for c in found.chains} == {("", "", "unavailable")}
    assert (found.estimate.disk_bytes, found.estimate.memory_bytes) == (None, None)
    assert found.estimate.seconds == found.estimate.gpu_seconds == pytest.approx(4 * 4 * (0.5 + 0.01 * 60))


def test_everything_that_is_missing_is_said_at_once(needy, no_gpu):
    with pytest.raises(UserError) as caught:
        plan(suite(regime(gpu=True), regime(name="other", gpu=True))).require()
    first, *lines = str(caught.value).splitlines()
    assert first == "suite own cannot run on this machine, which lacks:"
    assert [line.split(":")[0] for line in lines] == ["  a CUDA GPU", "  the table of a hub"]
    assert "copy it here" in lines[1]


def test_a_gpu_that_is_missing_stops_what_is_left_but_not_the_plan(no_gpu):
    chosen = suite(regime(gpu=True))
    found = plan(chosen, workers=2)
    assert found.estimate.seconds == found.estimate.gpu_seconds > plan().estimate.seconds / 2  # workers share it
    assert {c.id for c in found.chains} == {c.id for c in plan().chains}
    with pytest.raises(UserError, match="a CUDA GPU"):
        found.require()
    with pytest.raises(UserError, match="regime plain cannot run on this machine"):
        chain_of(chosen, found.chains[0])
    plan(chosen, done=Done({c.id: Progress("done", 4) for c in found.chains})).require()


def test_a_gpu_that_is_there_is_no_obstacle(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    chosen = suite(regime(gpu=True))
    found = plan(chosen)
    assert [(need.what, need.missing) for need in found.needs] == [("a CUDA GPU", None)]
    found.require()
    assert chain_of(chosen, found.chains[0]).n == 60


# n as a share of the pool


def test_n_can_be_a_share_of_the_pool_that_is_read():
    chosen = suite(regime(n="pool/6", pool=600))
    (chain, *_) = plan(chosen, strategies=["fresh-mix:k=6"]).chains
    runnable = chain_of(chosen, chain)
    pool = len(runnable.splits.train)
    assert runnable.n == chain.n == pool // 6 != 100
    assert [runnable.strategy.training_size(chain.n, g) for g in (0, 5)] == [pool // 6, 6 * (pool // 6)]


def test_before_the_pool_is_read_its_expected_size_serves_the_estimate(needy):
    chosen = suite(regime(n="pool/6", pool=600))
    assert {c.n for c in plan(chosen).chains} == {100}
    assert plan(chosen).estimate.seconds == pytest.approx(8 * 4 * (0.5 + 0.01 * 100))
