"""What everything is scored from: curves, each of one metric along one chain."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from fortifai.fidelity.onset import Floats, Seed
from fortifai.fidelity.rule import is_control

MASKED_SHARE = "masked_share"
"""Name of the metric that holds the share of elements which the objective masked."""


class Group(NamedTuple):
    """What chains must share to be compared; None where the data does not say."""

    suite: str | None
    modality: str | None
    model: str | None
    regime: str | None
    strategy: str | None

    @property
    def is_control(self) -> bool:
        """Whether these are control chains: fresh real data in every generation."""
        return is_control(self.strategy)


class Curve(NamedTuple):
    """One metric along one chain, in G measured generations.

    Attributes:
        group: What the chain shares with those that it is compared with.
        objective: Its loss.
        seed: Its seed.
        metric: The metric.
        generation: The generations, (G,), increasing.
        value: The metric in each of them, (G,); NaN or infinite where the chain has diverged.
        null: The metric's value for a model that has lost everything; NaN where the data has none.
        better: ``"lower"`` or ``"higher"``; None where the data does not say it.
        state: ``"complete"``, ``"diverged"`` or ``"incomplete"``.
        horizon: The last generation that was asked for.
    """

    group: Group
    objective: str
    seed: Seed
    metric: str
    generation: Floats
    value: Floats
    null: float
    better: str | None
    state: str
    horizon: int


@dataclass(frozen=True)
class Trajectories:
    """The curves of a run, a file or a table, with remarks on how they were read.

    Attributes:
        curves: Ordered by group, metric, objective and seed, so that nothing hangs on the order of rows.
        remarks: On all of them.
        rule: The rule of their suite, where it came with them.
    """

    curves: list[Curve]
    remarks: list[str] = field(default_factory=list)
    rule: str | None = None


def in_order(curves: Iterable[Curve]) -> list[Curve]:
    """Return curves ordered by group, metric, objective and seed; what a group does not say comes last."""
    return sorted(curves, key=_order)


def _order(curve: Curve) -> tuple[object, ...]:
    return [(name is None, name or "") for name in curve.group], curve.metric, curve.objective, curve.seed


def metrics_in(curves: Iterable[Curve]) -> list[str]:
    """Return the names of the metrics of curves, ordered."""
    return sorted({curve.metric for curve in curves})


def objectives_in(curves: Iterable[Curve]) -> list[str]:
    """Return the names of the objectives of curves, ordered."""
    return sorted({curve.objective for curve in curves})
