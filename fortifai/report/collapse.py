"""One plot of how the baseline collapses in several runs."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fortifai.fidelity.onset import Floats, scored_horizons
from fortifai.fidelity.rule import PHI
from fortifai.fidelity.trajectories.curves import Group
from fortifai.fidelity.trajectories.source import LoadedTrajectories
from fortifai.report.axis import Axis
from fortifai.report.plots import Line, Plot, drawn_of


class Curve(NamedTuple):
    """How the baseline collapses in one group: its regime and strategy, how many chains, and their median fidelity from 0 on."""

    name: str
    chains: int
    fidelity: Floats


def collapse_plot(curves: Sequence[tuple[str, Curve]]) -> Plot | None:
    """Return the plot of some curves, a line each, or None where there is none.

    Args:
        curves: The name of each run, and its curve.
    """
    lines = [
        Line(" · ".join(filter(None, (name, curve.name))), np.arange(len(curve.fidelity), dtype=float), curve.fidelity)
        for name, curve in curves
    ]
    if not lines:
        return None
    longest = max(max(len(line.x) for line in lines) - 1, 1)
    x = Axis("generation", 0, longest, scale="from 0")  # suites differ by a hundred in how long they last
    y = Axis("fidelity φ (median)", -0.1, 1.05)
    everywhere = Group(None, None, None, None, None)
    return Plot("collapse", everywhere, PHI, tuple(line.name for line in lines), x, y, tuple(lines))


def curves_of(loaded: LoadedTrajectories, metrics: Sequence[str], baseline: str) -> Iterator[Curve]:
    """Yield the median fidelity of the baseline by generation, of each regime and strategy but the control.

    Args:
        loaded: The trajectories.
        metrics: Those that fidelity is measured by.
        baseline: The objective whose curves are wanted.
    """
    if not loaded.rule.by_fidelity:
        return
    for metric in metrics:
        for group, objectives in loaded.groups(metric, baseline).items():
            chains = objectives.get(baseline)
            if chains is None or chains.unscored or not chains.trajectories or group.is_control:
                continue
            horizon = scored_horizons(chains.trajectories, loaded.rule.least_health, None).watched
            generation = np.arange(horizon + 1, dtype=float)
            curves = [drawn_of(one, generation, loaded.rule) for one in chains.trajectories]
            name = " · ".join(filter(None, (group.regime, group.strategy)))
            yield Curve(name, len(curves), np.median(curves, axis=0))
