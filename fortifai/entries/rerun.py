"""Some chains of an entry run again, and what comes out compared with what it says."""

import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from fortifai.entries.suite import OVER
from fortifai.errors import UserError
from fortifai.planning.chains import Selection
from fortifai.planning.plan import Plan, make_plan
from fortifai.planning.suite import Suite
from fortifai.randomness import stream
from fortifai.records.numbers import ChainNumbers, RunNumbers
from fortifai.records.run_numbers import numbers_of
from fortifai.runner.run import run_plan

OTHER_MACHINE = 1e-6
"""Relative. What numbers may differ by where libraries or hardware are others; on the same they are the same to the last bit."""


@dataclass(frozen=True)
class Rerun:
    """A chain that was run again.

    Attributes:
        chain: Which one.
        difference: The largest relative difference of a number; infinite where one of the two has no number.
        where: The quantity and the generation of that difference.
        tolerance: What it may be.
    """

    chain: str
    difference: float
    where: str
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether the numbers are those of the entry."""
        return self.difference <= self.tolerance


def choose(numbers: RunNumbers, count: int, *names: str) -> list[ChainNumbers]:
    """Return chains that are at their end, in random order: the same ones for the same names.

    Args:
        numbers: Of the run.
        count: How many, at most.
        names: Of the stream that decides it.
    """
    over = [chain for chain in numbers.chains if chain.state in OVER]
    order = torch.randperm(len(over), generator=stream("leaderboard check", *names))
    return [over[int(place)] for place in order[:count]]


def rerun(numbers: RunNumbers, chosen: list[ChainNumbers], suite: Suite, *, workers: int, tolerance: float | None) -> list[Rerun]:
    """Run chains again, in a folder that is gone afterwards, and compare.

    Args:
        numbers: What the entry says.
        chosen: Some of its chains.
        suite: That decides how they are run; nothing else of the entry does.
        workers: Processes, of one thread each.
        tolerance: The relative difference that is let pass; None: none on the same hardware with the same libraries, and
            `OTHER_MACHINE` elsewhere.

    Raises:
        UserError: The data, or something else of them, is not here.
    """
    plan = _plan(suite, chosen)
    with tempfile.TemporaryDirectory(prefix="fortifai-check-") as folder:
        path, failures = run_plan(plan, Path(folder), workers)
        if failures:
            raise UserError("a chain could not be run again: " + "; ".join(failures))
        again = numbers_of(path)
    by_id = {chain.id: chain for chain in again.chains}
    results = []
    for chain in chosen:
        other = by_id[chain.id]
        allowed = (0.0 if _same_machine(numbers, chain, again, other) else OTHER_MACHINE) if tolerance is None else tolerance
        difference, where = max(_differences(numbers, chain, again, other), key=lambda pair: pair[0], default=(0.0, ""))
        results.append(Rerun(f"{chain.regime} {chain.strategy} {chain.objective} seed {chain.seed}", difference, where, allowed))
    return results


def _plan(suite: Suite, chosen: list[ChainNumbers]) -> Plan:
    plan = make_plan(
        suite,
        Selection(
            seeds=max(chain.seed for chain in chosen) + 1,
            objectives=sorted({chain.objective for chain in chosen}),
            strategies=sorted({chain.strategy for chain in chosen}),
            regimes=sorted({chain.regime for chain in chosen}),
        ),
    )
    plan.require_needs()
    planned = {chain.id: chain for chain in plan.chains}
    for chain in chosen:
        if chain.id not in planned:
            differs = f"the data of regime {chain.regime}, or a file of its own code, is not the same"
            raise UserError(f"chain {chain.id} cannot be run again here: {differs}")
    chains = (planned[chain.id].model_copy(update={"horizon": chain.horizon}) for chain in chosen)
    return Plan(suite, tuple(chains), plan.needs, plan.facts)


def _same_machine(a: RunNumbers, chain: ChainNumbers, b: RunNumbers, other: ChainNumbers) -> bool:
    one, two = a.machines[chain.machine], b.machines[other.machine]
    return (one.versions, one.hardware) == (two.versions, two.hardware)


def _differences(a: RunNumbers, chain: ChainNumbers, b: RunNumbers, other: ChainNumbers) -> Iterator[tuple[float, str]]:
    """Yield the relative difference of every number that does not depend on the clock, and which it is."""
    if chain.state != other.state or len(chain.generations) < len(other.generations):
        yield math.inf, f"{len(chain.generations)} generations, {chain.state}, here {len(other.generations)}, {other.state}"
        return
    for name, column in _compared(chain).items():
        for generation, value in enumerate(_compared(other).get(name, [])):
            yield _relative(column[generation], value), f"{name} at generation {generation}"
    nulls = [{null.regime: null for null in numbers.nulls}.get(chain.regime) for numbers in (a, b)]
    if nulls[0] is None or nulls[1] is None or len(nulls[0].values) != len(nulls[1].values):
        yield math.inf, "its null"
        return
    for place, (one, two) in enumerate(zip(nulls[0].values, nulls[1].values, strict=True)):
        yield _relative(one, two), f"value {place} of its null"


def _compared(chain: ChainNumbers) -> Mapping[str, list[float | None]]:
    columns = chain.generations
    return {**columns.metrics, "masked_share": columns.masked_share, **{f"note {name}": c for name, c in columns.notes.items()}}


def _relative(a: float | None, b: float | None) -> float:
    if a is None or b is None:
        return 0.0 if a is b else math.inf
    return 0.0 if a == b else abs(a - b) / max(abs(a), abs(b))
