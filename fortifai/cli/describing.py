"""`fortifai describe`: what a suite runs, on what data, by which metrics and rule, at what cost."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from fortifai.cli.output import AsJson, duration, print_facts, print_json
from fortifai.contract.declaration import modalities
from fortifai.fidelity.remarks import counted
from fortifai.planning.suite import Regime
from fortifai.planning.suite_file import load_suite
from fortifai.recursion.strategies import resolve

SuiteArgument = Annotated[str, typer.Argument(metavar="SUITE", help="A suite's name, or the path of a .toml file.")]


def describe(suite: SuiteArgument, as_json: AsJson = False) -> None:
    """Show what a suite runs, on what data, by which metrics and rule, and what it costs."""
    found = load_suite(suite)
    regimes = [_regime(regime) for regime in found.regimes]
    if as_json:
        print_json({"schema": 1, "name": found.name, "version": found.version, "summary": found.summary, "rule": found.rule,
                    "chains": sum(r["chains"] for r in regimes), "regimes": regimes})  # fmt: skip
        return
    print_facts([("suite", found.tag), ("summary", found.summary), ("rule", f"a chain has collapsed once {found.rule}")])
    for facts in regimes:
        print()
        print_facts(_lines(facts))


def _regime(regime: Regime) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(regime.model_dump_json())
    sizes = [
        strategy.training_size(regime.size(), generation)
        for strategy in map(resolve, regime.strategies)
        for generation in range(min(regime.generations, strategy.last_generation or regime.generations) + 1)
    ]
    each = regime.seeds * len(regime.objectives)
    seconds = each * (len(sizes) * regime.seconds_per_generation + sum(sizes) * regime.seconds_per_sample)
    return {
        **plain,
        "modality_summary": modalities.get(regime.modality).summary,
        "metrics": [{"name": name, "better": m.better, "unit": m.unit} for name in regime.metrics for m in [regime.metric(name)]],
        "chains": each * len(regime.strategies),
        "core_seconds": round(seconds, 1),
    }


def _lines(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    def settings(values: dict[str, Any]) -> str:
        return ", ".join(f"{key} {value}" for key, value in values.items() if value is not None)

    yield "regime", facts["name"]
    yield "  modality", f"{facts['modality']}: {facts['modality_summary']}"
    yield "  model", settings(facts["model"])
    yield "  data", settings(facts["data"])
    yield "  sampling", settings(facts["sampling"])
    yield "  n", f"{facts['n']} samples a generation, {facts['start']} start"
    yield "  objectives", " ".join(facts["objectives"])
    yield "  strategies", " ".join(facts["strategies"])
    yield "  scored by", facts["fidelity_metric"]
    yield "  also measured", ", ".join(m["name"] for m in facts["metrics"] if m["name"] != facts["fidelity_metric"])
    yield "  horizon", ", ".join(counted(facts[f"{thing}s"], thing) for thing in ("generation", "seed", "chain"))
    yield "  cost", f"about {duration(facts['core_seconds'])} on one {'GPU, estimated' if facts['gpu'] else 'core'}"
