"""The commands of an entry select the chains that it has, whatever was selected to run them."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from entry_support import content_of

from fortifai.cli.app import app
from fortifai.planning.chains import Selection, chains_of
from fortifai.planning.settings import parse_settings
from fortifai.planning.suite import Suite
from fortifai.planning.suite_file import load_suite
from fortifai.records.entry import PlugIn
from fortifai.records.entry_file import read_entry
from fortifai.records.numbers import RunNumbers
from fortifai.records.schema import SuiteDescription
from fortifai.report.commands import commands_of
from fortifai.runner.run_folder import describe

Chain = tuple[str, str, str, int]
"""Regime, strategy, objective and seed."""

SELECTIONS = [
    [Selection()],
    [Selection(seeds=2)],
    [Selection(generations=3)],
    [Selection(generations=30)],
    [Selection(objectives=["tce-quantile:keep=0.8"])],
    [Selection(objectives=["ce"])],
    [Selection(strategies=["replace"])],
    [Selection(strategies=["replace"], seeds=1), Selection(strategies=["control"], seeds=3)],
    [
        Selection(objectives=["tce-quantile:keep=0.8"], seeds=1),
        Selection(objectives=["tce-quantile:keep=0.7"], seeds=2, generations=2),
    ],
]


def selected(suite: Suite, selections: list[Selection]) -> dict[Chain, int]:
    """Return the chains that a suite has for these selections, and the last generation of each."""
    chains: dict[Chain, int] = {}
    for selection in selections:
        for regime in suite.regimes:
            if regime.name in (selection.regimes or [regime.name]):
                for chain in chains_of(regime, None, selection):
                    key = (chain.regime, chain.strategy, chain.objective, chain.seed)
                    chains[key] = max(chains.get(key, 0), chain.horizon)
    return chains


def numbers_with(template: RunNumbers, suite: Suite, chains: dict[Chain, int]) -> RunNumbers:
    described = SuiteDescription.model_validate(describe(suite))
    names = ("regime", "strategy", "objective", "seed", "horizon")
    made = [
        template.chains[0].model_copy(update=dict(zip(names, (*chain, horizon), strict=True)))
        for chain, horizon in sorted(chains.items())
    ]
    return template.model_copy(update={"suite": described, "chains": made})


def parsed(command: str) -> tuple[str, tuple[str, ...], Selection]:
    """Return suite, settings and selection of a command, as the command line reads them."""
    words = shlex.split(command)
    assert words[:2] == ["fortifai", "run"]
    group: Any = typer.main.get_command(app)
    values = group.commands["run"].make_context("run", words[2:]).params
    options = {name: tuple(values[name] or ()) for name in ("objective", "strategy", "regime")}
    selection = Selection(values["seeds"], values["generations"], options["objective"], options["strategy"], options["regime"])
    return values["suite"], tuple(values["set_"] or ()), selection


@pytest.mark.parametrize("name", ["text-lm", "tabular-gmm", "quick"])
@pytest.mark.parametrize("selections", SELECTIONS, ids=range(len(SELECTIONS)))
def test_the_commands_select_the_same_chains(entry: Path, name: str, selections: list[Selection]) -> None:
    suite = load_suite(name)
    chains = selected(suite, selections)
    _, *runs, _ = commands_of(numbers_with(read_entry(entry).numbers, suite, chains), [])
    read = [parsed(command) for command in runs]
    assert {(called, settings) for called, settings, _ in read} == {(name, ())}
    computed = selected(suite, [selection for *_, selection in read])
    assert all(computed.get(chain, -1) >= horizon for chain, horizon in chains.items())
    if len(selections) == 1:
        assert computed == chains
        assert len(runs) <= len(suite.regimes)
    if selections == [Selection()]:
        assert runs == [f"fortifai run {name} --out runs"]


@pytest.mark.parametrize(
    "settings",
    [
        ["n=100"],
        ["gpu=true", "sampling.temperature=0.5"],
        ["data.source=my table.csv"],
        ["data.source=it's"],
        ['data.source="100"'],
        ['objectives=["ce", "tce-quantile:keep=0.9"]'],
        ["model={components = 3, tolerance = 1e-4}"],
        ["rule=phi<0.5"],
    ],
    ids=lambda settings: settings[0],
)
def test_settings_are_read_back_as_they_were(entry: Path, settings: list[str]) -> None:
    values = parse_settings(settings)
    numbers = read_entry(entry).numbers
    changed = numbers.suite.model_copy(update={"overrides": json.loads(json.dumps(values))})
    for command in commands_of(numbers.model_copy(update={"suite": changed}), [])[1:-1]:
        assert parse_settings(parsed(command)[1]) == values


def test_plug_ins_are_installed_too(entry: Path) -> None:
    plug_in = PlugIn(name="spectra", version="1.2", provides=["modality spectra"], sha256="0" * 64, commit=None)
    numbers = read_entry(entry).numbers
    assert commands_of(numbers, [plug_in])[0] == f"pip install 'fortifai[torch]=={numbers.fortifai}' spectra==1.2"


def test_a_suite_that_does_not_come_with_fortifai_is_named_as_a_file(entry: Path) -> None:
    assert content_of(entry)["commands"][1:] == ["fortifai run tiny.toml --out runs", "fortifai score runs/tiny@1"]
