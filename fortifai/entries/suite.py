"""The suite of an entry: the one that comes with fortifai, one that the user names, or the entry's own."""

from collections.abc import Iterator
from itertools import product

from fortifai.errors import UserError
from fortifai.fidelity.rule import BASELINE
from fortifai.leaderboard.submission import suite_hash
from fortifai.planning.identity import chain_identity
from fortifai.planning.suite import Regime, Suite
from fortifai.planning.suite_file import build_suite, described_suite, read_source, shipped_names
from fortifai.records.hashing import code_in
from fortifai.records.numbers import ChainNumbers, RunNumbers
from fortifai.recursion import strategies
from fortifai.runner.run_folder import describe
from fortifai.sanitise import run_name

OVER = ("done", "diverged")
"""States of chains that are at their end."""


def published_seeds(regime: Regime, strategy: str) -> range:
    """Return the seeds that a published table may rest on: all those that the suite runs a strategy by, and no others."""
    return range(regime.seeds_of(strategy, regime.seeds))


def suite_of(numbers: RunNumbers, *, own: bool, named: str | None = None) -> Suite:
    """Return the suite that a run has to be held against. Nothing that the run names is read, but what ``named`` does.

    Args:
        numbers: Of the run.
        own: Whether it is of a suite of its own, which is then the one that it describes.
        named: The name or file of a suite that the user trusts; None: that of the run's suite's name, which comes with fortifai.

    Raises:
        UserError: There is no such suite, or it is none.
    """
    described = numbers.suite
    if named is None and own:
        return described_suite(described)
    if named is None and described.name not in shipped_names():
        raise UserError(f"no suite {described.name!r} comes with fortifai, and the entry does not say that it is of its own")
    return build_suite(read_source(named or described.name), numbers.suite.overrides, where=named or described.name)


def is_shipped(numbers: RunNumbers) -> bool:
    """Return whether a run is of a suite that comes with this fortifai, to the last setting."""
    try:
        return not list(suite_faults(numbers, suite_of(numbers, own=False), own=False))
    except UserError:
        return False


def suite_faults(numbers: RunNumbers, suite: Suite, *, own: bool) -> Iterator[str]:
    """Yield where what a run says of its suite is not what the suite is."""
    said, known = numbers.suite.model_dump(mode="json"), describe(suite)
    if own and numbers.suite.name in shipped_names() and not is_shipped(numbers):
        shipped = build_suite(read_source(numbers.suite.name), {}, where=numbers.suite.name)
        if shipped.version == numbers.suite.version and not numbers.suite.overrides:
            yield f"it is of a suite of its own that calls itself {shipped.tag}, as another does that comes with fortifai"
    if (said["name"], said["version"]) != (known["name"], known["version"]):
        names = [run_name(one["name"], one["version"], {}) for one in (said, known)]
        yield f"it is of {names[0]}, and this fortifai has {names[1]}"
    elif suite_hash(said) != suite_hash(known):
        yield f"its suite differs from {known['name']}@{known['version']} in {', '.join(_differing(said, known)[:5])}"


def identity_faults(numbers: RunNumbers, suite: Suite) -> Iterator[str]:
    """Yield each way in which chains are identified by something else than the suite says, once."""
    faults: dict[str, None] = {}
    regimes = {regime.name: regime for regime in suite.regimes}
    for chain in numbers.chains:
        if chain.regime not in regimes:
            faults[f"the suite has no regime {chain.regime}"] = None
            continue
        regime = regimes[chain.regime]
        identity = numbers.identity(chain)
        expected = chain_identity(regime, chain.strategy, chain.objective, chain.seed, chain.data_hash)
        try:
            code = code_in(identity)
        except UserError as error:
            faults[f"chain {chain.id}: {error}"] = None
            continue
        expected |= {"code": code} if code else {}  # the files are not here to be held against
        if differing := _differing(identity, expected):
            names = ", ".join(differing[:5])
            faults[f"chains of regime {chain.regime} were run with another {names} than this fortifai runs them with"] = None
        metric = regime.metric(regime.fidelity_metric)
        fields = {"modality": regime.modality, "model": regime.model.label, "better": metric.better}
        for name, value in fields.items():
            if getattr(chain, name) != value:
                faults[f"chains of regime {chain.regime} say {name} {getattr(chain, name)}, and it is {value}"] = None
    yield from faults


def missing_of(numbers: RunNumbers, suite: Suite) -> Iterator[str]:
    """Yield what of the suite is not there, or not at its end, for the objectives that the run has."""
    chains = {(chain.regime, chain.strategy, chain.objective, chain.seed): chain for chain in numbers.chains}
    for regime in suite.regimes:
        objectives = sorted({chain.objective for chain in numbers.chains if chain.regime == regime.name})
        if not objectives:
            yield f"regime {regime.name}"
        wanted = [(name, seed) for name in regime.strategies for seed in published_seeds(regime, name)]
        for (strategy, seed), objective in product(wanted, objectives):
            chain = chains.get((regime.name, strategy, objective, seed))
            name = f"{regime.name} {strategy} {objective} seed {seed}"
            if chain is None:
                yield name
            elif chain.state not in OVER:
                yield f"the end of {name}, which is {chain.state}"
            elif chain.horizon < (horizon := strategies.resolve(strategy).horizon(regime.generations)):
                yield f"generations {chain.horizon + 1} to {horizon} of {name}"


def selection_faults(numbers: RunNumbers, suite: Suite) -> Iterator[str]:
    """Yield chains that no table may rest on: of seeds that are not the suite's, or without the baseline of their seed."""
    baselines = {_cell(chain) for chain in numbers.chains if chain.objective == BASELINE}
    regimes = {regime.name: regime for regime in suite.regimes}
    for chain in numbers.chains:
        name = f"{chain.regime} {chain.strategy} {chain.objective} seed {chain.seed}"
        if _cell(chain) not in baselines:
            yield f"{name} has no {BASELINE} of the same seed beside it"
        regime = regimes.get(chain.regime)
        if regime is not None and chain.seed not in published_seeds(regime, chain.strategy):
            yield f"{name}: its seed is not one of those that a table rests on"


def _cell(chain: ChainNumbers) -> tuple[str, str, int]:
    return chain.regime, chain.strategy, chain.seed


def _differing(a: object, b: object, where: str = "") -> list[str]:
    """Return the keys, with dots between their parts, at which two JSON values differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        keys = sorted({*a, *b} - {"summary", "identity", "overrides"} if not where else {*a, *b})
        return [found for key in keys for found in _differing(a.get(key), b.get(key), f"{where}.{key}" if where else key)]
    return [] if a == b else [where]
