"""What a plan remembers of data: the same plan without reading it again, until anything that it depends on has changed."""

import os
from pathlib import Path

import pytest
from planning_support import regime, suite

from fortifai.errors import UserError
from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter
from fortifai.modalities.tabular.config import MixtureConfig, TableData
from fortifai.planning import facts
from fortifai.planning.chains import Selection
from fortifai.planning.plan import Plan, make_plan
from fortifai.planning.suite import Suite


@pytest.fixture(autouse=True)
def reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[TableData]:
    """The data that was read, with a cache of the test's own."""
    monkeypatch.setenv("FORTIFAI_CACHE", str(tmp_path / "cache"))
    made: list[TableData] = []
    original = GaussianMixtureAdapter.__init__

    def noting(self: GaussianMixtureAdapter, config: MixtureConfig, data: TableData) -> None:
        made.append(data)
        original(self, config, data)

    monkeypatch.setattr(GaussianMixtureAdapter, "__init__", noting)
    return made


def plan(chosen: Suite, **selection: object) -> Plan:
    return make_plan(chosen, Selection(**selection), from_memory=True)  # type: ignore[arg-type]


def test_a_plan_is_the_same_without_reading_its_data_again(reads: list[TableData]) -> None:
    first, said = plan(suite()), []
    again = make_plan(suite(), Selection(), from_memory=True, say=said.append)
    assert (again.chains, again.facts) == (first.chains, first.facts)
    assert len(reads) == 1
    assert said == []
    make_plan(suite(), Selection(), say=said.append)
    assert len(reads) == 2, "a run reads its data"
    assert said == ["reading the data of regime plain"]


@pytest.mark.parametrize(
    "changes", [{"n": 61}, {"model": MixtureConfig(components=3)}, {"strategies": ("anchored", "control")}, {"generations": 4}]
)
def test_another_regime_is_read(reads: list[TableData], changes: dict[str, object]) -> None:
    plan(suite())
    plan(suite(regime(**changes)))
    assert len(reads) == 2


def test_a_file_that_changed_is_read_again(reads: list[TableData], tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    rows = "\n".join(f"{i % 17},{(i * 7) % 23},{(i * 5) % 11}" for i in range(200))
    file.write_text(f"a,b,c\n{rows}\n")
    chosen = suite(regime(data=TableData(source=str(file)), n=40))
    hashes = {plan(chosen).chains[0].data_hash, plan(chosen).chains[0].data_hash}
    assert (len(reads), len(hashes)) == (1, 1)
    file.write_text(f"a,b,c\n{rows[:-1]}8\n")
    os.utime(file, ns=(1, 1))  # of the same size, at another time
    assert plan(chosen).chains[0].data_hash not in hashes
    assert len(reads) == 2


def test_another_version_of_anythinginstalled_is_read(reads: list[TableData], monkeypatch: pytest.MonkeyPatch) -> None:
    plan(suite())
    monkeypatch.setattr(facts, "installed", lambda: iter(["torch-9.9.dist-info"]))
    plan(suite())
    assert len(reads) == 2


def test_what_cannot_be_run_is_refused_again(reads: list[TableData]) -> None:
    chosen = suite(regime(n=100_000))
    for _ in range(2):
        with pytest.raises(UserError, match="n = 100000 real samples"):
            plan(chosen)
    assert len(reads) == 2


def test_a_memory_that_cannot_be_read_is_none(reads: list[TableData], tmp_path: Path) -> None:
    plan(suite())
    (file,) = (tmp_path / "cache" / "plans").glob("*.json")
    file.write_text('{"data_hash": 3}')
    plan(suite())
    assert len(reads) == 2
