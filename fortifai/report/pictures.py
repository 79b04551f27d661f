"""The pictures of each group of a score, as SVG and PNG: files for papers, and for Markdown, which holds no SVG."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fortifai.fidelity.rule import BASELINE
from fortifai.fidelity.trajectories.outside import Reading
from fortifai.fidelity.trajectories.source import TrajectorySource, load
from fortifai.report.axis import Axis
from fortifai.report.confidence import draw_confidence
from fortifai.report.plots import Limit, Line, Plot, plots_of
from fortifai.report.style import HEADING, QUIET, STYLE, Picture, file_name, heading, look, save
from fortifai.sanitise import label
from fortifai.storage import Better

SIZE = (5, 3.2)
"""Width and height without the legend, in inches: as wide as a telephone shows without making its letters small."""

ROW = 0.18
"""Height of a row of the legend, in inches."""

SHORT_NAME = 26
"""Letters of a name in a legend of two columns."""


def plot(
    path_or_frame: TrajectorySource,
    out: str | Path,
    *,
    rule: str | None = None,
    baseline: str = BASELINE,
    better: Better | Mapping[str, Better] | None = None,
    null: float | Mapping[str, float] | None = None,
    metrics: Collection[str] | None = None,
    horizon: int | None = None,
    columns: Mapping[str, str] | None = None,
    first_generation: int = 0,
    run_name: str | None = None,
    generation_zero: str | Path | None = None,
) -> list[Path]:
    """Draw every group of a score: fidelity against generation, survival of the onset, and FI against the threshold.

    By a rule on a metric the first picture is of that metric, and the third is left out. Of a run folder, a fourth has the
    histograms of confidence.

    Args:
        path_or_frame: As in `fortifai.score`.
        out: The folder that is written to.
        rule: As in `fortifai.score`.
        baseline: As in `fortifai.score`; its line is the first.
        better: As in `fortifai.score`.
        null: As in `fortifai.score`.
        metrics: The metrics to draw; by default all that the rule scores by.
        horizon: As in `fortifai.score`; the last generation that is drawn.
        columns: As in `fortifai.score`.
        first_generation: As in `fortifai.score`.
        run_name: As in `fortifai.score`.
        generation_zero: As in `fortifai.score`.

    Returns:
        The files written: each picture as SVG and as PNG.

    Raises:
        UserError: For all that `fortifai.score` raises it for, when there is nothing to draw, and when a file cannot be
            written.
    """
    reading = Reading(columns or {}, first_generation, run_name, generation_zero)
    loaded = load(path_or_frame, rule, baseline, better, null, reading)
    drawn = [draw(one, Path(out)) for one in plots_of(loaded, baseline, metrics, horizon)]
    if isinstance(path_or_frame, str | Path) and Path(path_or_frame).is_dir():
        drawn += draw_confidence(Path(path_or_frame), Path(out), baseline)
    return [file for picture in drawn for file in (picture.svg, picture.png)]


def draw(plot: Plot, out: Path) -> Picture:
    """Draw a plot into a folder, and return the picture.

    Raises:
        UserError: A file cannot be written.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.add_subplot()
        for place, line in enumerate(plot.lines):
            _line(axes, line, place)
        for limit in plot.limits:
            _limit(axes, limit)
        axes.set(xlabel=label(plot.x.label), ylabel=label(plot.y.label), xlim=_range(plot.x), ylim=_range(plot.y))
        if plot.x.whole:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_title(heading([*plot.group, plot.metric], SIZE[0]), fontsize=9, loc="left", gid=HEADING)
        _legend(figure, axes)
        svg, png = save(figure, out, file_name(plot.kind, (*plot.group, plot.metric)))
    return Picture(plot.kind, plot.group, plot.metric, plot.objectives, svg, png)


def _line(axes: Axes, line: Line, place: int) -> None:
    style: dict[str, Any] = {**look(place), "linewidth": 2.2 if line.is_baseline else 1.6}
    axes.plot(line.x, line.y, drawstyle="steps-post" if line.as_steps else "default", label=label(line.name), **style)
    if line.band is not None:
        axes.fill_between(line.x, *line.band, color=style["color"], alpha=0.08, linewidth=0)
    if line.is_open:
        axes.plot(line.x[-1:], line.y[-1:], marker="|", markersize=10, color=style["color"], clip_on=False)


def _limit(axes: Axes, limit: Limit) -> None:
    (axes.axvline if limit.upright else axes.axhline)(limit.value, color=QUIET, linewidth=0.8)
    if limit.name is not None:  # at generation 0: no line starts there
        axes.annotate(
            label(limit.name),
            (0, limit.value),
            xytext=(0, 2 if limit.is_above else -2),
            textcoords="offset points",
            va="bottom" if limit.is_above else "top",
            fontsize=8,
            color=QUIET,
        )


def _range(axis: Axis) -> tuple[float, float]:
    return axis.low, axis.high


def _legend(figure: Figure, axes: Axes) -> None:
    """Name the lines below the axes, in two columns where all names are short, and make the picture higher by as much."""
    handles, labels = axes.get_legend_handles_labels()
    columns = 2 if max(map(len, labels)) <= SHORT_NAME else 1
    rows = -(-len(labels) // columns)
    figure.set_figheight(SIZE[1] + ROW * rows)
    figure.legend(handles, labels, loc="outside lower left", ncols=columns, frameon=False, handlelength=3.6)
