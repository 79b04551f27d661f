"""What to type to compute a run again: the chains that it has, and as few others as its suite lets one select."""

import json
import shlex
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from fortifai.fidelity.rule import BASELINE, CONTROL
from fortifai.records.entry import PlugIn
from fortifai.records.numbers import RunNumbers
from fortifai.sanitise import one_line


class _Block(NamedTuple):
    """Chains of one regime that one command selects; ``generations``: None where the strategies end by themselves."""

    strategies: tuple[str, ...]
    objectives: tuple[str, ...]
    seeds: int
    generations: int | None


def commands_of(numbers: RunNumbers, plug_ins: Sequence[PlugIn], absent: Sequence[str] = ()) -> list[str]:
    """Return the commands that compute a run again and score it, each for a shell.

    The seeds of a command are all from 0 on, and the baseline is part of it: what cannot be left out is computed too.

    Args:
        numbers: Of the run.
        plug_ins: Packages that have to be installed beside fortifai, and files that have to be in the folder.
        absent: What the run used of packages that cannot be named, because they are not installed here.
    """
    suite = numbers.suite
    code = [plug_in for plug_in in plug_ins if plug_in.name.endswith(".py")]
    packages = [f"{plug_in.name}=={plug_in.version}" for plug_in in plug_ins if plug_in not in code]
    is_shipped = files("fortifai.suites").joinpath(f"{suite.name}.toml").is_file()
    has_name = is_shipped or any(f"suite {suite.name}" in plug_in.provides for plug_in in plug_ins)
    run = f"fortifai run {shlex.quote(suite.name if has_name else f'{suite.name}.toml')} --out runs"
    changes = "".join(f" --set {shlex.quote(f'{key}={_toml(value)}')}" for key, value in sorted(suite.overrides.items()))
    return [
        f"pip install {shlex.join([f'fortifai[torch]=={numbers.fortifai}', *packages])}",
        *(f"# and the package of {one_line(what)}, which is not installed here" for what in absent),
        *(f"# in a folder with {file.name}, of SHA-256 {file.sha256}:" for file in code),
        *(f"{run}{selection}{changes}" for selection in _selections(numbers)),
        f"fortifai score {shlex.quote(f'runs/{suite.identity}')}",
    ]


def regimes_of(numbers: RunNumbers) -> dict[str, dict[str, Any]]:
    """Return the regimes that the suite has, in full, by name; none for a run that does not say."""
    regimes: dict[str, dict[str, Any]] = (numbers.suite.model_extra or {}).get("regimes") or {}
    return regimes


def _selections(numbers: RunNumbers) -> list[str]:
    """Return the options of each command that it takes; regimes that need the same ones share a command."""
    described = regimes_of(numbers)
    by_options: dict[str, list[str]] = defaultdict(list)
    for regime in sorted({chain.regime for chain in numbers.chains}):
        own = described.get(regime, {})
        for block in _blocks(numbers, regime, own.get("control_seeds")):
            by_options[_options(block, own)].append(regime)
    selections = []
    for options, regimes in by_options.items():
        everywhere = set(regimes) == described.keys()
        named = "" if everywhere else "".join(f" --regime {shlex.quote(regime)}" for regime in regimes)
        selections.append(f"{named}{options}")
    return selections


def _blocks(numbers: RunNumbers, regime: str, control_seeds: int | None) -> list[_Block]:
    """Return the chains of a regime in as few blocks of strategies and objectives as have the same seeds and generations.

    Args:
        numbers: Of the run.
        regime: The regime's name.
        control_seeds: Beyond how many seeds its suite runs no control chains, whatever a command asks for; None: no such limit.
    """
    cells: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for chain in numbers.chains:
        if chain.regime == regime:
            seeds, horizon = cells[chain.strategy].get(chain.objective, (0, 0))
            cells[chain.strategy][chain.objective] = max(seeds, chain.seed + 1), max(horizon, chain.horizon)
    extents = [extent for objectives in cells.values() for extent in objectives.values()]
    most, whole = (max(extent[place] for extent in extents) for place in (0, 1))
    if control_seeds is not None:
        for objective, (seeds, horizon) in cells.get(CONTROL, {}).items():
            if seeds == min(most, control_seeds):
                cells[CONTROL][objective] = most, horizon  # the command that asks for all of them ends there
    by_extent: dict[tuple[str, int, int], list[str]] = defaultdict(list)
    for strategy, objectives in cells.items():
        for objective, extent in objectives.items():
            by_extent[strategy, *extent].append(objective)
    strategies: dict[tuple[tuple[str, ...], int, int], list[str]] = defaultdict(list)
    for (strategy, seeds, horizon), names in by_extent.items():
        # All chains of a strategy end at one generation, and before others do: it may be the strategy that ends there.
        alone = horizon < whole and {end for _, end in cells[strategy].values()} == {horizon}
        strategies[tuple(sorted(names)), seeds, whole if alone else horizon].append(strategy)
    return [_Block(tuple(sorted(those)), names, seeds, horizon) for (names, seeds, horizon), those in sorted(strategies.items())]


def _options(block: _Block, regime: dict[str, Any]) -> str:
    """Return what selects a block of a regime, described in full, and is not what the suite would run anyway."""
    options: list[tuple[str, object]] = []
    if not _same(block.strategies, regime.get("strategies")):
        options += [("strategy", name) for name in block.strategies]
    if not _same(block.objectives, regime.get("objectives")):
        others = [name for name in block.objectives if name != BASELINE]
        options += [("objective", name) for name in others or [BASELINE]]
    for name, value in (("seeds", block.seeds), ("generations", block.generations)):
        if value != regime.get(name):
            options.append((name, value))
    return "".join(f" --{name} {shlex.quote(str(value))}" for name, value in options)


def _same(names: Iterable[str], described: Iterable[str] | None) -> bool:
    return described is not None and set(names) == set(described)


def _toml(value: object) -> str:
    """Return a setting's value as `--set` reads it: TOML, and plain text where that is not TOML."""
    if isinstance(value, str):
        try:
            tomllib.loads(f"value = {value}")
        except ValueError:
            return value
    return _literal(value)


def _literal(value: object) -> str:
    """Return a JSON value as TOML."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # TOML has the same escapes
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_literal(key)} = {_literal(inner)}' for key, inner in value.items())}}}"
    return str(value).lower() if isinstance(value, bool) else str(value)
