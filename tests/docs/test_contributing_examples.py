"""The examples of CONTRIBUTING run as they stand, and what it says of the contract is what the contract has."""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from docs_support import ROOT, blocks, rows, section

from fortifai import metrics, objectives
from fortifai.conformance.running import check_adapter
from fortifai.contract.declaration import ModalityDeclaration
from fortifai.contract.modality import Modality
from fortifai.contract.samples import Samples
from fortifai.objectives import Scaled
from fortifai.records.schema import GenerationRecord
from fortifai.recursion import strategies
from fortifai.recursion.chain import Chain
from fortifai.recursion.null import measure_nulls
from fortifai.recursion.protocol import run_chain
from fortifai.recursion.strategies import Supply

CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PYTHON = blocks(CONTRIBUTING, "python")
SUITE = """
schema = 1
name = "gaussian"
version = 1
summary = "a Gaussian"
[regimes.only]
modality = "analytic-gaussian"
n = 30
generations = 2
seeds = 1
objectives = ["ce", "tce:gamma=0.9"]
strategies = ["replace", "control"]
fidelity_metric = "gaussian_distance"
seconds_per_generation = 0.01
"""


@dataclass
class Memory:
    """The history of a chain, in memory."""

    records: list[GenerationRecord] = field(default_factory=list)
    kept: dict[int, tuple[Samples, Any]] = field(default_factory=dict)

    def recorded(self) -> list[GenerationRecord]:
        return list(self.records)

    def samples(self, generation: int) -> Samples:
        return self.kept[generation][0]

    def model(self, generation: int) -> Any:
        return self.kept[generation][1]

    def commit(self, record: GenerationRecord, samples: Samples | None, model: Any) -> None:
        self.records.append(record)
        if samples is not None:
            self.kept[record.generation] = samples, model


def block(containing: str) -> str:
    """Return the one Python example that has this in it."""
    (code,) = (code for code in PYTHON if containing in code)
    return code


def module(code: str, path: Path) -> ModuleType:
    """Import an example that is not a file of the package."""
    path.write_text(code)
    return import_module(path.stem)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Write every example that names its file to that file, in a folder that can be imported from."""
    for code in PYTHON:
        if named := re.match(r"# (my_package/\S+\.py)\n", code):
            file = tmp_path / named[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("my_package", "doubting", "alternate"):
            del sys.modules[name]


@pytest.fixture
def declaration(package: Path) -> ModalityDeclaration:
    declared = import_module("my_package.spectra").declaration
    assert isinstance(declared, ModalityDeclaration)
    return declared


@pytest.fixture
def adapter(declaration: ModalityDeclaration, tmp_path: Path) -> Any:
    np.save(tmp_path / "spectra.npy", np.random.default_rng(0).normal(size=(500, 4)) * [1, 2, 3, 4] + 5)
    tables = declaration.tables()
    return declaration.bind(tables["model"](), tables["data"](source=str(tmp_path / "spectra.npy")))


def chain(adapter: Any, declaration: ModalityDeclaration, **changes: Any) -> Chain[Any]:
    settings: dict[str, Any] = {
        "adapter": adapter,
        "sampling": declaration.tables()["sampling"](),
        "n": 100,
        "start": "scratch",
        "metrics": tuple(metrics.find(declaration, name) for name in ("mean_shift", "nll", "confidence_gap")),
        "fidelity_metric": "mean_shift",
        "strategy": strategies.resolve("replace"),
        "objective": objectives.resolve("ce"),
        "seed": 0,
    }
    return Chain(**{**settings, **changes})


def test_the_adapter_runs_a_chain_with_its_own_metric(adapter: Any, declaration: ModalityDeclaration) -> None:
    adapter.check(2)
    records = list(run_chain(chain(adapter, declaration), Memory(), 3))
    assert [record.status for record in records] == ["ok"] * 4
    null = np.median(measure_nulls(adapter, metrics.find(declaration, "mean_shift"), 100))
    assert all(0 < (record.metrics["mean_shift"] or 0) < null for record in records)


@pytest.mark.parametrize("name", ["tce-quantile:keep=0.9", "tce-adaptive:alpha=1", "tce-online", "tce-anchored"])
def test_the_adapter_takes_every_kind_of_objective(adapter: Any, declaration: ModalityDeclaration, name: str) -> None:
    *_, last = run_chain(chain(adapter, declaration, objective=objectives.resolve(name)), Memory(), 2)
    assert last.status == "ok"
    assert name in ("tce-online", "tce-anchored") or (last.masked_share or 0) > 0  # those act once a model has narrowed


def test_the_adapter_keeps_its_model_to_the_last_bit_and_agrees_with_numpy(adapter: Any, tmp_path: Path) -> None:
    train = adapter.splits.train
    fit = adapter.fit(train, objectives.resolve("ce"), None, torch.Generator())
    adapter.save(fit.model, tmp_path)
    loaded = adapter.load_model(tmp_path)
    assert torch.equal(loaded.mean, fit.model.mean)
    assert torch.equal(loaded.deviation, fit.model.deviation)
    np.testing.assert_allclose(fit.model.deviation, train["x"].numpy().std(axis=0), rtol=1e-12)
    nll, confidence = adapter.likelihood(fit.model, train)
    expected = torch.distributions.Normal(fit.model.mean, fit.model.deviation).log_prob(train["x"])
    torch.testing.assert_close(nll, -expected)
    assert confidence.shape == train["x"].shape


def test_the_declaration_and_configuration_of_the_example_import_no_torch() -> None:
    light = [code for code in PYTHON if re.match(r"# my_package/spectra/(__init__|config)\.py", code)]
    assert len(light) == 2
    assert not any(re.search(r"^(import|from) torch", code, re.MULTILINE) for code in light)


def test_the_objective_weighs_as_its_docstring_says(package: Path) -> None:
    doubting = module(block("class Doubting"), package / "doubting.py").Doubting
    confidence = torch.tensor([0.0, 0.5, 1.0])
    assert doubting(power=2).weights(confidence).tolist() == [1, 0.25, 0]
    assert doubting.summary().startswith("Doubting cross entropy")
    assert doubting().canonical == "doubting:power=1"


def test_the_strategy_alternates(package: Path) -> None:
    strategy = module(block("class Alternate"), package / "alternate.py").Alternate()

    def real(generation: int) -> Samples:
        return Samples.real(x=torch.zeros(strategy.fresh(5, generation)))

    def synthetic(generation: int) -> Samples:
        return Samples.synthetic({"x": torch.ones(5)}, generation)

    mixed = [strategy.compose(g, Supply(5, real, synthetic), torch.Generator()) for g in range(4)]
    assert [int(samples.is_real().sum()) for samples in mixed] == [5, 0, 5, 0]
    assert [len(samples) for samples in mixed] == [5] * 4


def test_the_executor_is_found_by_its_entry_point_and_runs_a_suite(package: Path) -> None:
    (package / "gaussian.toml").write_text(SUITE)
    info = package / "my_package-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my_package\nVersion: 1\n")
    (declared,) = (code for code in blocks(CONTRIBUTING, "toml") if "fortifai.executors" in code)
    (name, reference), *_ = re.findall(r'^([\w-]+) = "(.+)"$', declared, re.MULTILINE)
    (info / "entry_points.txt").write_text(f"[fortifai.executors]\n{name} = {reference}\n")
    command = [sys.executable, "-c", "from fortifai.cli import main; main()", "run", "gaussian.toml", "--executor", name]
    run = subprocess.run(command, cwd=package, env={**os.environ, "PYTHONPATH": str(package)}, capture_output=True, text=True)
    assert (run.returncode, run.stdout.partition(" done")[0]) == (0, "runs/gaussian@1: 4 chains"), run.stderr


def test_the_tables_of_the_contract_name_every_method_with_its_arguments() -> None:
    public = {name for name in vars(Modality) if not name.startswith("_") and callable(getattr(Modality, name))}
    described: dict[str, list[str]] = {}
    for first, *_ in rows(section(CONTRIBUTING, "## Add a modality")):
        for name, arguments in re.findall(r"`(\w+)\(([\w, ]*)\)`", first):
            described[name] = [argument for argument in arguments.split(", ") if argument]
    assert described.pop("Adapter") == ["config", "data"]
    assert set(described) == public
    for name, arguments in described.items():
        parameters = [parameter for parameter in inspect.signature(getattr(Modality, name)).parameters if parameter != "self"]
        assert parameters == arguments, name


def test_what_a_package_imports_is_there_and_in_the_api() -> None:
    described = re.findall(r"^::: (.+)$", (ROOT / "docs" / "api.md").read_text("utf-8"), re.MULTILINE)
    table = rows(section(CONTRIBUTING, "## What a package of your own imports"))
    listed = {f"{where.strip('`')}.{what}" for where, names, _ in table for what in re.findall(r"`(\w+)`", names)}
    assert len(listed) > 20
    assert all(resolve_name(what) is not None for what in listed)
    assert listed <= set(described)


def test_every_import_of_an_example_and_of_a_new_package_is_in_the_table() -> None:
    table = rows(section(CONTRIBUTING, "## What a package of your own imports"))
    listed = {(where.strip("`"), what) for where, names, _ in table for what in re.findall(r"`(\w+)`", names)}
    templates = [file.read_text("utf-8") for file in (ROOT / "fortifai" / "scaffold" / "template").rglob("*.py.j2")]
    used = {
        (where, what.strip())
        for code in (*(code for code in PYTHON if "executors" not in code), *templates)
        for where, names in re.findall(r"^from (fortifai\.[\w.]+) import (.+)$", code, re.MULTILINE)
        for what in names.split(",")
    }
    assert len(used) > 20
    assert used <= listed


def test_the_table_of_objectives_names_what_an_objective_has() -> None:
    named = {name for first, _ in rows(section(CONTRIBUTING, "## Add an objective")) for name in re.findall(r"`(\w+)", first)}
    assert len(named) == 12
    assert all(hasattr(Scaled, name) for name in named)


def test_the_example_of_an_adapter_passes_every_check(adapter: Any, declaration: ModalityDeclaration, tmp_path: Path) -> None:
    outcomes = list(check_adapter(declaration, [f"data.source={tmp_path / 'spectra.npy'}"]))
    assert [f"{outcome.check.name}: {outcome.reason}" for outcome in outcomes if outcome.state == "failed"] == []
    assert sum(outcome.state == "passed" for outcome in outcomes) > 30
