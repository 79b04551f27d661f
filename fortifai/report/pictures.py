"""The pictures of each group of a score, as SVG and PNG."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fortifai.errors import UserError
from fortifai.fidelity.onset import Course, Floats, common_horizon, restrict
from fortifai.fidelity.rule import Rule
from fortifai.fidelity.scoring import ALL_THRESHOLDS
from fortifai.fidelity.trajectories.groups import Group, groups, metrics_of
from fortifai.fidelity.trajectories.source import Trajectories, load
from fortifai.report.confidence import draw_confidence
from fortifai.report.style import STYLE, file_name, heading, look, save
from fortifai.report.survival import steps
from fortifai.storage import Better

SIZE = (7, 3.8)
"""Inches."""

LEAST_PHI, MOST_PHI = -0.1, 1.15
"""What of fidelity is shown at most: a variance that explodes would flatten all else."""


def plot(
    path_or_frame: Trajectories,
    out: str | Path,
    *,
    rule: str | None = None,
    baseline: str = "ce",
    better: Better | Mapping[str, Better] | None = None,
    null: float | Mapping[str, float] | None = None,
    metrics: Collection[str] | None = None,
) -> list[Path]:
    """Draw every group of a score: fidelity against generation, survival of the onset, and FI against the threshold.

    Arguments are those of `fortifai.score`, ``out`` the folder that is written to, and ``metrics`` those to draw (all). By a rule
    on a metric the first picture is of that metric, and the third is left out. Of a run folder, a fourth has the
    histograms of confidence. Gives the files written.

    Raises UserError for all that `fortifai.score` raises it for, when there is nothing to draw, and when a file cannot be
    written.
    """
    source = load(path_or_frame, rule, baseline, better, null)
    written: list[Path] = []
    for metric in metrics_of(source.table, source.rule) if metrics is None else metrics:
        for group, objectives in groups(source.table, metric, source.rule, baseline):
            drawn = {name: chains.courses for name, chains in objectives.items() if chains.courses and not chains.unscored}
            if drawn:
                order = sorted(drawn, key=lambda name: (name != baseline, name))
                written += _group({name: drawn[name] for name in order}, group, metric, source.rule, baseline, Path(out))
    if not written:
        raise UserError("nothing to draw: no group has a finished chain")
    if not isinstance(path_or_frame, pd.DataFrame) and Path(path_or_frame).is_dir():
        written += draw_confidence(Path(path_or_frame), Path(out), baseline)
    return written


def _group(drawn: dict[str, list[Course]], group: Group, metric: str, rule: Rule, baseline: str, out: Path) -> list[Path]:
    horizon = common_horizon([course for courses in drawn.values() for course in courses])
    pictures: dict[str, Callable[[Axes], None]] = {
        "fidelity": lambda axes: _fidelity(axes, drawn, horizon, rule, baseline),
        "survival": lambda axes: _survival(axes, drawn, horizon, rule, baseline),
    }
    if rule.by_fidelity:
        pictures["threshold"] = lambda axes: _threshold(axes, drawn, horizon, rule, baseline)
    written = []
    for kind, draw in pictures.items():
        with mpl.rc_context(STYLE):
            figure = Figure(figsize=SIZE, layout="constrained")
            axes = figure.add_subplot()
            draw(axes)
            axes.set_title(heading([*group, metric], SIZE[0]), fontsize=9, loc="left")
            axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, handlelength=3.6)
            written += save(figure, out, file_name(kind, (*group, metric)))
    return written


def _line(objective: str, index: int, baseline: str) -> dict[str, Any]:
    """Colour and dashes by its place, and the baseline's line is thicker."""
    return {**look(index), "linewidth": 2.2 if objective == baseline else 1.6}


def _fidelity(axes: Axes, drawn: dict[str, list[Course]], horizon: int, rule: Rule, baseline: str) -> None:
    """The median over chains, and from the worst chain to the best."""
    generation = np.arange(horizon + 1, dtype=float)
    sign = -1 if rule.side == ">" else 1
    for index, (objective, courses) in enumerate(drawn.items()):
        curves = sign * np.stack([_filled(course, generation) for course in courses])
        line = _line(objective, index, baseline)
        axes.plot(generation, np.median(curves, axis=0), label=f"{objective} ({len(courses)})", **line)
        if len(courses) > 1:
            low, high = (np.nan_to_num(ends, posinf=np.nan, neginf=np.nan) for ends in (curves.min(axis=0), curves.max(axis=0)))
            axes.fill_between(generation, low, high, color=line["color"], alpha=0.08, linewidth=0)
    axes.axhline(rule.limit, color="0.4", linewidth=0.8)
    # At generation 0, on the side of collapse: no line starts there.
    above = rule.side == ">"
    axes.annotate(
        str(rule),
        (0, rule.limit),
        xytext=(0, 2 if above else -2),
        textcoords="offset points",
        va="bottom" if above else "top",
        fontsize=8,
        color="0.3",
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if rule.by_fidelity:
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, LEAST_PHI), min(high, MOST_PHI))
    axes.set(xlabel="generation", ylabel="fidelity φ (median, range)" if rule.by_fidelity else f"{rule.name} (median, range)")


def _filled(course: Course, generation: Floats) -> Floats:
    """Health (G) in every generation; minus infinity once it has diverged, so that it stays the worst of its objective."""
    if not course.generation.size:
        return np.full(generation.shape, -np.inf)
    health = np.interp(generation, course.generation, course.health)
    return np.where(generation > course.generation[-1], -np.inf, health) if course.diverged else health


def _survival(axes: Axes, drawn: dict[str, list[Course]], horizon: int, rule: Rule, baseline: str) -> None:
    for index, (objective, courses) in enumerate(drawn.items()):
        onsets = restrict(courses, rule.least_health, horizon)
        line = _line(objective, index, baseline)
        generation, share = steps(onsets, horizon)
        label = f"{objective} (FI {onsets.times.mean():.3g})"
        axes.plot(generation, share, drawstyle="steps-post", label=label, **line)
        if onsets.censored.any():
            axes.plot([horizon], [share[-1]], marker="|", markersize=10, color=line["color"], clip_on=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="generation", ylabel=f"share of chains before {rule}", ylim=(-0.03, 1.05), xlim=(0, max(horizon, 1)))


def _threshold(axes: Axes, drawn: dict[str, list[Course]], horizon: int, rule: Rule, baseline: str) -> None:
    for index, (objective, courses) in enumerate(drawn.items()):
        onsets = np.minimum([course.onsets(ALL_THRESHOLDS) for course in courses], horizon)
        axes.plot(ALL_THRESHOLDS, onsets.mean(axis=0), label=objective, **_line(objective, index, baseline))
    axes.axvline(rule.limit, color="0.4", linewidth=0.8)
    axes.set(xlabel="threshold τ of fidelity", ylabel="FI, in generations", xlim=(0, 1), ylim=(0, None))
