"""One picture of how the baseline collapses in several runs."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from fortifai.fidelity.onset import Floats, scored_horizons
from fortifai.fidelity.rule import PHI
from fortifai.fidelity.trajectories.curves import Group
from fortifai.fidelity.trajectories.groups import grouped_chains
from fortifai.fidelity.trajectories.source import load
from fortifai.records.numbers import RunNumbers
from fortifai.report.pictures import drawn_of
from fortifai.report.style import STYLE, Picture, look, save
from fortifai.sanitise import label

SIZE = (7, 4)
"""Width and height without the legend, in inches."""

ROW = 0.18
"""Height of a row of the legend, in inches."""

Curve = tuple[str, Floats, Floats]
"""A name, generations, and median fidelity at each."""


def draw_collapse(runs: Iterable[tuple[str, RunNumbers]], out: Path, baseline: str) -> Picture | None:
    """Draw the median fidelity of the baseline by generation, a line for each regime and strategy of each run but the control.

    Args:
        runs: The name and the numbers of each run.
        out: The folder that is written to.
        baseline: The objective whose lines are drawn.

    Returns:
        The picture, or None where there is no line to draw.
    """
    curves = [curve for name, numbers in runs for curve in _curves(name, numbers, baseline)]
    if not curves:
        return None
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(SIZE[0], SIZE[1] + ROW * len(curves)), layout="constrained")
        axes = figure.add_subplot()
        for place, (name, generation, fidelity) in enumerate(curves):
            axes.plot(generation, fidelity, label=label(name), linewidth=1.6, **look(place))
        axes.set_xscale("symlog", linthresh=1)  # suites differ by a hundred in how long they last
        axes.set(xlabel="generation", ylabel="fidelity φ (median)", ylim=(-0.1, 1.05), xlim=(0, None))
        axes.xaxis.set_major_formatter("{x:g}")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=1, frameon=False, handlelength=3.6)
        svg, png = save(figure, out, "collapse")
    return Picture("collapse", Group(None, None, None, None, None), PHI, tuple(name for name, *_ in curves), svg, png)


def _curves(name: str, numbers: RunNumbers, baseline: str) -> Iterator[Curve]:
    loaded = load(numbers, numbers.suite.rule, baseline, None, None)
    if not loaded.rule.by_fidelity:
        return
    metrics = sorted({chain.fidelity_metric for chain in numbers.chains})
    for metric in metrics:
        for group, objectives in grouped_chains(loaded.curves, metric, loaded.rule, baseline):
            chains = objectives.get(baseline)
            if chains is None or chains.unscored or not chains.trajectories or group.is_control:
                continue
            horizon = scored_horizons(chains.trajectories, loaded.rule.least_health, None).watched
            generation = np.arange(horizon + 1, dtype=float)
            curves = [drawn_of(one, generation, loaded.rule) for one in chains.trajectories]
            yield " · ".join(filter(None, (name, group.regime, group.strategy))), generation, np.median(curves, axis=0)
