"""The numbers of an entry, held against what its metrics declare of themselves and of one another."""

import math
from collections.abc import Iterator, Sequence
from statistics import median

from fortifai.contract.metric import Metric
from fortifai.errors import UserError
from fortifai.planning.suite import Regime, Suite
from fortifai.records.numbers import ChainNumbers, Column, RunNumbers
from fortifai.recursion.null import NULLS

SLACK = 1e-9
"""Relative. By so much a value may be over what it cannot be over, for rounding."""


def value_faults(numbers: RunNumbers, suite: Suite) -> Iterator[str]:
    """Yield each value that its metric, or its name, rules out."""
    regimes = {regime.name: regime for regime in suite.regimes}
    for chain in numbers.chains:
        if chain.regime in regimes:
            name = f"{chain.regime} {chain.strategy} {chain.objective} seed {chain.seed}"
            yield from (f"{name}: {fault}" for fault in _metric_faults(chain, regimes[chain.regime]))
            yield from (f"{name}: {fault}" for fault in _record_faults(chain))
    for shared in numbers.generations_0:
        if any(value < 0 for value in shared.seconds.values()):
            yield f"generation 0 {shared.key}: seconds are never below 0"
    for null in numbers.nulls:
        if null.regime in regimes:
            faults = _null_faults(null.values, null.value, regimes[null.regime])
            yield from (f"null of {null.regime}: {fault}" for fault in faults)


def _metric_faults(chain: ChainNumbers, regime: Regime) -> Iterator[str]:
    columns = chain.generations.metrics
    measured = len(chain.generations) - (chain.state == "diverged")
    if measured and columns.keys() != set(regime.metrics):
        yield f"has the metrics {', '.join(sorted(columns))}, and the suite {', '.join(sorted(regime.metrics))}"
        return
    for name, column in columns.items():
        try:
            metric = regime.metric(name)
        except UserError as error:
            yield str(error)
            continue
        for generation, value in enumerate(column):
            if value is None:
                if name == regime.fidelity_metric and generation < measured:
                    yield f"{name} is not defined at generation {generation}, where the chain has not diverged"
            elif not _within(value, *metric.valid):
                low, high = metric.valid
                yield f"{name} is {value} at generation {generation}, and lies in [{low}, {high}]"
        yield from _order_faults(metric, columns)


def _order_faults(metric: Metric, columns: dict[str, Column]) -> Iterator[str]:
    """Yield where a metric is above another one that it never is above."""
    for other in metric.never_above:
        for generation, (low, high) in enumerate(zip(columns[metric.name], columns.get(other, ()), strict=False)):
            if low is not None and high is not None and not _within(low, -math.inf, high):
                yield f"{metric.name} is {low} at generation {generation}, above {other}, {high}, which cannot be"


def _record_faults(chain: ChainNumbers) -> Iterator[str]:
    columns = chain.generations
    if any(value is not None and not _within(value, 0, 1) for value in columns.masked_share):
        yield "masked_share lies in [0, 1]"
    amounts: dict[str, Sequence[float | None]] = {**columns.seconds, **columns.training, "memory": columns.peak_memory_bytes}
    for name, column in amounts.items():
        if any(value is not None and value < 0 for value in column):
            yield f"{name} is never below 0"
    parts = (columns.training.get(name, []) for name in ("size", "real", "synthetic"))
    for generation, (size, real, synthetic) in enumerate(zip(*parts, strict=False)):
        if None not in (size, real, synthetic) and size != (real or 0) + (synthetic or 0):
            yield f"generation {generation} has {size} training samples, {real} real and {synthetic} synthetic"


def _null_faults(values: list[float], value: float, regime: Regime) -> Iterator[str]:
    metric = regime.metric(regime.fidelity_metric)
    if metric.chance is not None:
        if values or value != metric.chance:
            yield f"is {value}, and chance is {metric.chance}"
    elif len(values) != NULLS:
        yield f"has {len(values)} values, and {NULLS} are measured"
    elif median(values) != value:
        yield f"is {value}, and the median of its values {median(values)}"
    if not all(_within(one, *metric.valid) for one in (*values, value)):
        yield f"lies in [{metric.valid[0]}, {metric.valid[1]}]"


def _within(value: float, low: float, high: float) -> bool:
    return low - SLACK * abs(low) - SLACK <= value <= high + SLACK * abs(high) + SLACK if math.isfinite(value) else False
