"""What identifies a chain: a field moves its id exactly when it decides the numbers."""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from planning_support import plan, regime, suite

from fortifai.config import Frozen, Role, Sampling
from fortifai.contract.declaration import modalities
from fortifai.modalities.tabular.config import MixtureConfig, TableData
from fortifai.planning.identity import PROTOCOL_VERSION, chain_id, chain_identity, generation_0_identity
from fortifai.planning.suite import Regime

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
    "measure_every": 9,
    "generations": 9,
    "seeds": 9,
    "control_seeds": 9,
    "explore_seeds": 9,
    "objectives": ("ce", "tce-quantile"),
    "strategies": ("control", "accumulate"),
    "seconds_per_generation": 9.0,
    "seconds_per_sample": 9.0,
}
"""Another value for every field of a regime."""

OTHER_MODEL = {"components": 3, "max_iterations": 7, "tolerance": 0.5, "covariance_floor": 0.5, "device": "cpu"}
OTHER_DATA: dict[str, Any] = {"source": "penguins", "columns": ("x",), "logs": ("x",), "clip": 3.0, "seed": 1}
OTHER_DATA |= {"validation": 0.2, "test": 0.2, "most_held_out": 7}


def roles(cls: type[Frozen]) -> Iterator[tuple[str, Role]]:
    for name, info in cls.model_fields.items():
        (role,) = [item for item in info.metadata if isinstance(item, Role)]
        yield name, role


def identifier(chosen: Regime) -> str:
    return chain_id(chain_identity(chosen, "replace", "ce", 0, "0" * 16))


def cases() -> Iterator[Any]:
    """Yield every field of a regime and of its tables, so that one that is added is covered, or missed loudly."""
    for cls, prefix, values in ((Regime, "", OTHER), (MixtureConfig, "model", OTHER_MODEL), (TableData, "data", OTHER_DATA)):
        for name, role in roles(cls):
            assert name in values, f"{cls.__name__}.{name} is new: add another value for it here"
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


def test_suites_that_differ_in_their_fidelity_metric_alone_share_no_chain():
    """It decides in which generation a chain diverges."""
    one, other = (plan(suite(regime(fidelity_metric=name, metrics=("nll", "ks_max", "sliced_wasserstein")))).chains
                  for name in ("ks_max", "sliced_wasserstein"))  # fmt: skip
    assert len(one) == len(other) == 8
    assert not {chain.id for chain in one} & {chain.id for chain in other}


def test_the_chain_id_moves_with_strategy_objective_seed_data_adapter_and_protocol(monkeypatch):
    base = ("replace", "ce", 0, "a" * 16)
    others = [("accumulate", *base[1:]), ("replace", "tce:gamma=0.9", *base[2:]), (*base[:2], 1, base[3]), (*base[:3], "b" * 16)]
    identifiers = [chain_id(chain_identity(regime(), *parts)) for parts in (base, *others)]
    declared = modalities.get("tabular")
    monkeypatch.setattr("fortifai.planning.identity.modalities", {"tabular": replace(declared, version="next")})
    identifiers.append(chain_id(chain_identity(regime(), *base)))
    monkeypatch.setattr("fortifai.planning.identity.PROTOCOL_VERSION", PROTOCOL_VERSION + 1)
    identifiers.append(chain_id(chain_identity(regime(), *base)))
    assert len(set(identifiers)) == len(identifiers)
    assert all(len(text) == 16 and int(text, 16) >= 0 for text in identifiers)


def test_the_chain_id_stays_the_same_from_one_version_to_the_next():
    assert chain_id({"b": 1, "a": [0.5, "ce"]}) == chain_id({"a": [0.5, "ce"], "b": 1}) == "75bd9ccdc52265e3"


def first(chosen: Regime, objective: str = "ce", seed: int = 0, data_hash: str = "0" * 16, strategy: str = "replace") -> str:
    return chain_id(generation_0_identity(chosen, strategy, objective, seed, data_hash))


@pytest.mark.parametrize(("table", "name", "value", "role"), list(cases()))
def test_a_field_moves_generation_0_exactly_when_it_decides_its_numbers(table, name, value, role, monkeypatch):
    any_modality = SimpleNamespace(get=lambda name: SimpleNamespace(version="1"))
    monkeypatch.setattr("fortifai.planning.identity.modalities", any_modality)
    base = regime()
    holder = getattr(base, table) if table else base
    changed = regime(**({table: holder.model_copy(update={name: value})} if table else {name: value}))
    assert (first(changed) != first(base)) == (role is Role.IDENTITY and (table, name) != ("", "name"))


def test_generation_0_is_shared_by_objectives_that_begin_alike_and_by_nothing_else():
    alike = {first(regime(), name) for name in ("ce", "tce-online", "tce-anchored", "tce-anchored:q=0.9")}
    others = {first(regime(), name) for name in ("tce:gamma=0.9", "tce:gamma=0.8", "focal:gamma=2")}
    assert (len(alike), len(others), len(alike | others)) == (1, 3, 4)
    assert len({first(regime()), first(regime(), seed=1), first(regime(), data_hash="1" * 16)}) == 3


def test_generation_0_is_shared_by_strategies_unless_they_have_one_of_their_own():
    assert len({first(regime(), strategy=name) for name in ("replace", "control", "select", "neon")}) == 1
    own = {first(regime(), strategy=name) for name in ("replace", "ecosystem:members=2", "ecosystem:members=3")}
    assert len(own) == 3
