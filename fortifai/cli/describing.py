"""`fortifai describe`: what a suite runs, on what data, by which metrics and rule, at what cost."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from fortifai import objectives
from fortifai.cli.output import AsJson, duration, print_facts, print_json, print_line
from fortifai.cli.selecting import SUITE_HELP, Settings
from fortifai.contract.declaration import modalities
from fortifai.errors import UserError
from fortifai.fidelity.remarks import counted
from fortifai.limits import EXPLORE_FROM
from fortifai.planning.suite import Regime, Suite
from fortifai.planning.suite_file import described_suite, load_suite, suite_names
from fortifai.records.reading import read_suite
from fortifai.recursion.strategies import resolve


def describe(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help=f"{SUITE_HELP}, or a run folder, which holds one.")],
    set_: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Show what a suite runs, on what data, by which metrics and rule, and what it costs."""
    content = _suite(suite, set_ or ())
    regimes = [_regime(regime) for regime in content.regimes]
    if as_json:
        facts = {name: getattr(content, name) for name in ("name", "version", "summary", "rule")}
        print_json({"schema": 1, **facts, "chains": sum(r["chains"] for r in regimes), "regimes": regimes})
        return
    about = [("suite", content.tag), ("summary", content.summary), ("rule", f"a chain has collapsed once {content.rule}")]
    if content.overrides:
        about.append(("settings", ", ".join(f"{key}={value}" for key, value in content.overrides.items())))
    print_facts(about)
    for facts in regimes:
        print_line()
        print_facts(_lines(facts))


def _suite(name_or_path: str, settings: Sequence[str]) -> Suite:
    """Return the suite of a name, a file or a run folder. Raises UserError."""
    if name_or_path in suite_names() or not Path(name_or_path).is_dir():
        return load_suite(name_or_path, settings)
    if settings:
        raise UserError(f"{name_or_path}: a run folder holds a suite as it was run: --set takes the suite's name or file")
    return described_suite(read_suite(Path(name_or_path)).suite)


def _regime(regime: Regime) -> dict[str, Any]:
    from fortifai.planning.cost import chain_seconds

    plain: dict[str, Any] = json.loads(regime.model_dump_json())
    chains = {name: regime.seeds_of(name, regime.seeds) * len(regime.objectives) for name in regime.strategies}
    starts = {objectives.resolve(name).for_generation([]).canonical for name in regime.objectives}
    first = regime.seconds_per_generation + regime.seconds_per_sample * regime.size()  # once, for all that begin alike
    seconds = regime.seeds * len(starts) * first + sum(
        count
        * chain_seconds(
            resolve(name),
            regime.size(),
            range(1, resolve(name).horizon(regime.generations) + 1),
            regime.seconds_per_generation,
            regime.seconds_per_sample,
        )
        for name, count in chains.items()
    )
    return {
        **plain,
        "modality_summary": modalities.get(regime.modality).summary,
        "metrics": [{"name": name, "better": m.better, "unit": m.unit} for name in regime.metrics for m in [regime.metric(name)]],
        "chains": sum(chains.values()),
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
    every = f", every {facts['measure_every']} generations" if facts.get("measure_every") else ""
    yield "  also measured", ", ".join(m["name"] for m in facts["metrics"] if m["name"] != facts["fidelity_metric"]) + every
    yield "  horizon", ", ".join(counted(facts[f"{thing}s"], thing) for thing in ("generation", "seed", "chain"))
    if facts.get("control_seeds"):
        yield "  controls", f"by the first {counted(facts['control_seeds'], 'seed')} alone"
    yield "  to explore", f"{counted(facts['explore_seeds'], 'seed')} from {EXPLORE_FROM} on, with --explore"
    yield "  cost", f"about {duration(facts['core_seconds'])} on one {'GPU, estimated' if facts['gpu'] else 'core'}"
