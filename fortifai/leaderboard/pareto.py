"""What an objective costs against how long it lasts, and which objectives no other one beats in both."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from fortifai.fidelity.rule import is_control
from fortifai.fidelity.scores import Estimate
from fortifai.fidelity.trajectories.curves import Group
from fortifai.fidelity.trajectories.reading import STATES
from fortifai.leaderboard.schema import Leaderboard
from fortifai.records.numbers import ChainNumbers, RunNumbers
from fortifai.report import tables
from fortifai.report.axis import Axis
from fortifai.report.plots import MARGIN, Line, Plot

ABOUT = "Median seconds of a chain, and FI. No objective is at once cheaper and longer-lasting than one on the front."
"""What a plot of costs shows."""

HEADINGS = ("no.", "objective", "seconds a chain", "FI", "on the front")
"""Of the table with the numbers of a plot."""

BESIDE = 1.3
"""What stays free beside the cheapest and the dearest, as a factor of seconds."""

FRONT = "front"
"""What the legend calls the front."""


@dataclass(frozen=True)
class Costed:
    """An objective of a group.

    Attributes:
        objective: Its name.
        seconds: The median over its finished chains of what all steps of a chain took, without generations 0 that chains share.
        interval: Its FI.
        is_on_front: Whether no other one costs at most as much and lasts at least as long, and is better in one of the two.
    """

    objective: str
    seconds: float
    interval: Estimate
    is_on_front: bool = False


@dataclass(frozen=True)
class Pareto:
    """The objectives of one regime and strategy, the cheapest first."""

    group: Group
    metric: str
    objectives: Sequence[Costed]

    def rows(self) -> list[list[str]]:
        """Return the numbers as text, under `HEADINGS`."""
        return [
            [
                str(number),
                one.objective,
                tables.number(one.seconds),
                tables.estimate(one.interval),
                "yes" if one.is_on_front else "no",
            ]
            for number, one in enumerate(self.objectives, 1)
        ]

    def plot(self) -> Plot:
        """Return FI against seconds, a dot with its number for each objective, and the front as steps."""
        seconds = np.array([one.seconds for one in self.objectives])
        lasted = np.array([one.interval.value for one in self.objectives])
        names = [one.objective for one in self.objectives]
        x = Axis("seconds a chain (median)", float(seconds.min()) / BESIDE, float(seconds.max()) * BESIDE, scale="log")
        y = Axis("FI, in generations", 0, (1 + MARGIN) * float(lasted.max()) or 1)
        lines = [
            Line(f"{place + 1} {name}", seconds[place : place + 1], lasted[place : place + 1], marks=(str(place + 1),))
            for place, name in enumerate(names)
        ]
        on_front = np.array([one.is_on_front for one in self.objectives])
        corners = np.append(seconds[on_front], x.high), np.append(lasted[on_front], lasted[on_front][-1])
        front = Line(FRONT, *corners, as_steps=True)
        return Plot("pareto", self.group, self.metric, tuple(names), x, y, (*lines, front))


def paretos_of(numbers: RunNumbers, board: Leaderboard) -> Iterator[Pareto]:
    """Yield the costs and lengths of every regime and strategy but the control, as far as seconds were recorded.

    Args:
        numbers: Of the run.
        board: Its score.
    """
    seconds = _seconds(numbers.chains)
    groups: dict[tuple[Group, str], list[Costed]] = defaultdict(list)
    for row in board.rows:
        cost = seconds.get((row.regime, row.strategy, row.objective))
        if cost and row.fidelity_interval is not None and not is_control(row.strategy):
            group = Group(row.suite, row.modality, row.model, row.regime, row.strategy)
            groups[group, row.metric].append(Costed(row.objective, cost, row.fidelity_interval))
    for (group, metric), objectives in groups.items():
        yield Pareto(group, metric, with_front(objectives))


def with_front(objectives: Sequence[Costed]) -> list[Costed]:
    """Return objectives by what they cost, with those marked that are on the front."""
    ordered = sorted(objectives, key=lambda one: (one.seconds, -one.interval.value, one.objective))
    return [replace(one, is_on_front=not any(_beats(other, one) for other in ordered)) for one in ordered]


def _beats(other: Costed, one: Costed) -> bool:
    as_good = other.seconds <= one.seconds and other.interval.value >= one.interval.value
    return as_good and (other.seconds < one.seconds or other.interval.value > one.interval.value)


def _seconds(chains: Sequence[ChainNumbers]) -> dict[tuple[str | None, str | None, str], float]:
    """Return the median over finished chains of their seconds, by regime, strategy and objective; not where none is recorded."""
    totals: dict[tuple[str | None, str | None, str], list[float]] = defaultdict(list)
    for chain in chains:
        known = [value for column in chain.generations.seconds.values() for value in column if value is not None]
        if chain.state in STATES and known:
            totals[chain.regime, chain.strategy, chain.objective].append(sum(known))
    return {key: median(values) for key, values in totals.items()}
