"""The pictures of each group of a score, as SVG and PNG."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fortifai.errors import UserError
from fortifai.fidelity.onset import ALL_THRESHOLDS, Floats, Horizons, Trajectory, restrict, scored_horizons
from fortifai.fidelity.rule import BASELINE, Rule
from fortifai.fidelity.trajectories.curves import Group
from fortifai.fidelity.trajectories.groups import grouped_chains, metrics_of
from fortifai.fidelity.trajectories.outside import Reading
from fortifai.fidelity.trajectories.source import LoadedTrajectories, TrajectorySource, load
from fortifai.records.numbers import RunNumbers
from fortifai.report.confidence import draw_confidence
from fortifai.report.style import HEADING, QUIET, STYLE, Picture, file_name, heading, look, save
from fortifai.report.survival import steps
from fortifai.sanitise import label
from fortifai.storage import Better

SIZE = (5, 3.2)
"""Width and height without the legend, in inches: as wide as a telephone shows without making its letters small."""

ROW = 0.18
"""Height of a row of the legend, in inches."""

SHORT_NAME = 26
"""Letters of a name in a legend of two columns."""

LEAST_PHI, MOST_PHI = -0.1, 1.15
"""The range of fidelity that is shown at most: a variance that explodes would flatten all else."""

MARGIN = 0.05
"""The share of the width that stays free beside the last generation."""

FOR_RULE = 0.1
"""The share of the height that stays free below the threshold, for its name."""

Drawn = dict[str, list[Trajectory]]
"""The trajectories of each objective of a group, in the order of the lines."""


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
    drawn = _draw(loaded, baseline, metrics, horizon, Path(out))
    if isinstance(path_or_frame, str | Path) and Path(path_or_frame).is_dir():
        drawn += draw_confidence(Path(path_or_frame), Path(out), baseline)
    return [file for picture in drawn for file in (picture.svg, picture.png)]


def draw_run(run: Path, out: Path) -> list[Picture]:
    """Draw every group of a run, as `plot` does by default, and return the pictures with what each shows."""
    loaded = load(run, None, BASELINE, None, None, Reading({}, 0, None, None))
    return [*_draw(loaded, BASELINE, None, None, out), *draw_confidence(run, out, BASELINE)]


def draw_numbers(numbers: RunNumbers, out: Path) -> list[Picture]:
    """Draw every group of a run of which there are only the numbers, and return the pictures with what each shows."""
    return _draw(load(numbers, None, BASELINE, None, None), BASELINE, None, None, out)


def _draw(
    loaded: LoadedTrajectories, baseline: str, metrics: Collection[str] | None, horizon: int | None, out: Path
) -> list[Picture]:
    drawn: list[Picture] = []
    for metric in metrics_of(loaded.curves, loaded.rule) if metrics is None else metrics:
        for group, objectives in grouped_chains(loaded.curves, metric, loaded.rule, baseline):
            scored = [name for name, chains in objectives.items() if chains.trajectories and not chains.unscored]
            order = sorted(scored, key=lambda name: (name != baseline, name))
            if order:
                of_group = {name: objectives[name].trajectories for name in order}
                all_of_group = [trajectory for trajectories in of_group.values() for trajectory in trajectories]
                horizons = scored_horizons(all_of_group, loaded.rule.least_health, horizon)
                drawn += _group(of_group, group, metric, horizons, loaded.rule, baseline, out)
    if not drawn:
        raise UserError("nothing to draw: no group has a finished chain")
    return drawn


def _group(drawn: Drawn, group: Group, metric: str, horizons: Horizons, rule: Rule, baseline: str, out: Path) -> list[Picture]:
    draws: dict[str, Callable[[Axes], None]] = {
        "fidelity": lambda axes: _fidelity(axes, drawn, horizons, rule, baseline),
        "survival": lambda axes: _survival(axes, drawn, horizons.by_rule, rule, baseline),
    }
    if rule.by_fidelity:
        draws["threshold"] = lambda axes: _threshold(axes, drawn, horizons.watched, rule, baseline)
    pictures = []
    for kind, draw in draws.items():
        with mpl.rc_context(STYLE):
            figure = Figure(figsize=SIZE, layout="constrained")
            axes = figure.add_subplot()
            draw(axes)
            axes.set_title(heading([*group, metric], SIZE[0]), fontsize=9, loc="left", gid=HEADING)
            _legend(figure, axes)
            svg, png = save(figure, out, file_name(kind, (*group, metric)))
            pictures.append(Picture(kind, group, metric, tuple(drawn), svg, png))
    return pictures


def _legend(figure: Figure, axes: Axes) -> None:
    """Name the lines below the axes, in two columns where all names are short, and make the picture higher by as much."""
    handles, labels = axes.get_legend_handles_labels()
    columns = 2 if max(map(len, labels)) <= SHORT_NAME else 1
    rows = -(-len(labels) // columns)
    figure.set_figheight(SIZE[1] + ROW * rows)
    figure.legend(handles, labels, loc="outside lower left", ncols=columns, frameon=False, handlelength=3.6)


def _line(objective: str, index: int, baseline: str) -> dict[str, Any]:
    """Return the look of an objective's line: colour and dashes by its place, and the baseline's is thicker."""
    return {**look(index), "linewidth": 2.2 if objective == baseline else 1.6}


def _fidelity(axes: Axes, drawn: Drawn, horizons: Horizons, rule: Rule, baseline: str) -> None:
    """Draw the median over chains, and a band from the worst chain to the best, as far as all chains were watched."""
    generation = np.arange(horizons.watched + 1, dtype=float)
    for index, (objective, trajectories) in enumerate(drawn.items()):
        curves = np.stack([drawn_of(trajectory, generation, rule) for trajectory in trajectories])
        line = _line(objective, index, baseline)
        axes.plot(generation, np.median(curves, axis=0), label=label(f"{objective} ({len(trajectories)})"), **line)
        if len(trajectories) > 1:
            low, high = (np.nan_to_num(ends, posinf=np.nan, neginf=np.nan) for ends in (curves.min(axis=0), curves.max(axis=0)))
            axes.fill_between(generation, low, high, color=line["color"], alpha=0.08, linewidth=0)
    limits = [rule.limit] if rule.centre is None else [rule.centre + rule.limit, rule.centre - rule.limit]
    for limit in limits:
        axes.axhline(limit, color=QUIET, linewidth=0.8)
    # At generation 0, on the side of collapse: no line starts there.
    above = rule.side == ">"
    axes.annotate(
        label(str(rule)),
        (0, limits[0]),
        xytext=(0, 2 if above else -2),
        textcoords="offset points",
        va="bottom" if above else "top",
        fontsize=8,
        color=QUIET,
    )
    axes.set_xlim(right=horizons.by_rule * (1 + MARGIN))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if rule.by_fidelity:
        low, high = axes.get_ylim()
        low, high = max(low, LEAST_PHI), min(high, MOST_PHI)
        axes.set_ylim(min(low, rule.limit - FOR_RULE * (high - low)), high)
    axes.set(
        xlabel="generation", ylabel="fidelity φ (median, range)" if rule.by_fidelity else label(f"{rule.name} (median, range)")
    )


def drawn_of(trajectory: Trajectory, generation: Floats, rule: Rule) -> Floats:
    """Return what is drawn of a chain in every generation, (G,): fidelity, or the metric that the rule is on.

    It is infinite, on the side of collapse, once the chain has diverged, so that the chain stays the worst of its objective.
    """
    lost = np.inf if rule.side == ">" else -np.inf
    if not trajectory.generation.size:
        return np.full(generation.shape, lost)
    values = np.interp(generation, trajectory.generation, trajectory.health if rule.by_fidelity else trajectory.value)
    return np.where(generation > trajectory.generation[-1], lost, values) if trajectory.diverged else values


def _survival(axes: Axes, drawn: Drawn, horizon: int, rule: Rule, baseline: str) -> None:
    for index, (objective, trajectories) in enumerate(drawn.items()):
        onsets = restrict(trajectories, rule.least_health, horizon)
        line = _line(objective, index, baseline)
        generation, share = steps(onsets, horizon)
        name = label(f"{objective} (FI {onsets.times.mean():.3g})")
        axes.plot(generation, share, drawstyle="steps-post", label=name, **line)
        if onsets.censored.any():
            axes.plot([horizon], [share[-1]], marker="|", markersize=10, color=line["color"], clip_on=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="generation", ylabel=label(f"share of chains before {rule}"), ylim=(-0.03, 1.05), xlim=(0, max(horizon, 1)))


def _threshold(axes: Axes, drawn: Drawn, horizon: int, rule: Rule, baseline: str) -> None:
    for index, (objective, trajectories) in enumerate(drawn.items()):
        onsets = np.minimum([trajectory.onsets(ALL_THRESHOLDS) for trajectory in trajectories], horizon)
        axes.plot(ALL_THRESHOLDS, onsets.mean(axis=0), label=label(objective), **_line(objective, index, baseline))
    axes.axvline(rule.limit, color=QUIET, linewidth=0.8)
    axes.set(xlabel="threshold τ of fidelity", ylabel="FI, in generations", xlim=(0, 1), ylim=(0, None))
