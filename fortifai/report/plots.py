"""What each plot of a score shows, as numbers: `pictures` draws it into files by Matplotlib, `inline_plot` into a page."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fortifai.errors import UserError
from fortifai.fidelity.onset import ALL_THRESHOLDS, Floats, Horizons, Trajectory, restrict, scored_horizons
from fortifai.fidelity.rule import Rule
from fortifai.fidelity.trajectories.curves import Group
from fortifai.fidelity.trajectories.groups import metrics_of
from fortifai.fidelity.trajectories.source import LoadedTrajectories
from fortifai.report.axis import Axis
from fortifai.report.survival import steps

KINDS = {
    "fidelity": "Fidelity by generation: the median over chains, and from the worst chain to the best.",
    "survival": "The share of chains that have not collapsed yet.",
    "threshold": "FI for every threshold of fidelity: what the choice of the threshold decides.",
    "confidence": "Confidence p_t on held-out real data (grey) and on the model's own samples (line).",
}
"""What the plots of each kind show, in the order of a page."""

HEADINGS = {
    "fidelity": "Fidelity",
    "survival": "Chains that have not collapsed",
    "threshold": "FI by threshold",
    "confidence": "Confidence",
}
"""The heading above the plots of each kind."""

LEAST_PHI, MOST_PHI = -0.1, 1.15
"""The range of fidelity that is shown at most: a variance that explodes would flatten all else."""

MARGIN = 0.05
"""The share of an axis that stays free beside what is drawn."""

FOR_RULE = 0.1
"""The share of the height that stays free below the threshold, for its name."""

SHOWN_THRESHOLDS = 8
"""Every so manieth of all thresholds is drawn: more are finer than a picture."""

Drawn = Mapping[str, Sequence[Trajectory]]
"""The trajectories of each objective of a group, in the order of the lines."""


@dataclass(frozen=True)
class Line:
    """A line of a plot; N points, which are drawn as far as they are finite.

    Attributes:
        name: What the legend calls it.
        x: Where its points are, (N,).
        y: Likewise, (N,).
        band: The lower and the upper end of the area around it, (N,) each, or None.
        is_baseline: Whether it is what the others are compared with, and so thicker.
        as_steps: Whether it keeps a point's value up to the next one.
        is_open: Whether it would go on behind its end, which is marked then.
        marks: What is written beside each point, which is then a dot that no line joins to the next; () draws a line.
    """

    name: str
    x: Floats
    y: Floats
    band: tuple[Floats, Floats] | None = None
    is_baseline: bool = False
    as_steps: bool = False
    is_open: bool = False
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limit:
    """A thin line across a plot.

    Attributes:
        value: Where it crosses an axis.
        upright: Whether that is the x axis.
        name: What is written beside it, at its beginning; None for nothing.
        is_above: Whether that is written above it.
    """

    value: float
    upright: bool = False
    name: str | None = None
    is_above: bool = False


@dataclass(frozen=True)
class Plot:
    """A plot, whoever draws it.

    Attributes:
        kind: One of `KINDS`, or another where it is not of a single group.
        group: What its chains share.
        metric: What it is of; None where it is of none.
        objectives: In the order of the lines.
        x: Its axis to the right.
        y: Its axis upwards.
        lines: In the order of the legend, which decides how each looks.
        limits: Lines of no objective.
    """

    kind: str
    group: Group
    metric: str | None
    objectives: tuple[str, ...]
    x: Axis
    y: Axis
    lines: tuple[Line, ...]
    limits: tuple[Limit, ...] = ()


def plots_of(
    loaded: LoadedTrajectories, baseline: str, metrics: Collection[str] | None = None, horizon: int | None = None
) -> list[Plot]:
    """Return the plots of every group: fidelity against generation, survival of the onset, and FI against the threshold.

    By a rule on a metric the first is of that metric, and the third is left out.

    Args:
        loaded: The trajectories.
        baseline: The objective whose line is the first.
        metrics: Those to draw; None: all that the rule scores by.
        horizon: The last generation that is drawn; None: the last to which all onsets are known.

    Raises:
        UserError: There is nothing to draw.
    """
    plots: list[Plot] = []
    for metric in metrics_of(loaded.curves, loaded.rule) if metrics is None else metrics:
        for group, objectives in loaded.groups(metric, baseline).items():
            scored = [name for name, chains in objectives.items() if chains.trajectories and not chains.unscored]
            order = sorted(scored, key=lambda name: (name != baseline, name))
            if order:
                of_group = {name: objectives[name].trajectories for name in order}
                everything = [trajectory for trajectories in of_group.values() for trajectory in trajectories]
                horizons = scored_horizons(everything, loaded.rule.least_health, horizon)
                plots += _of_group(of_group, group, metric, horizons, loaded.rule, baseline)
    if not plots:
        raise UserError("nothing to draw: no group has a finished chain")
    return plots


def _of_group(drawn: Drawn, group: Group, metric: str, horizons: Horizons, rule: Rule, baseline: str) -> Iterator[Plot]:
    def plot(kind: str, x: Axis, y: Axis, lines: Sequence[Line], limits: Sequence[Limit] = ()) -> Plot:
        return Plot(kind, group, metric, tuple(drawn), x, y, tuple(lines), tuple(limits))

    yield plot("fidelity", *_fidelity(drawn, horizons, rule, baseline))
    survival = [_survival(name, chains, horizons.by_rule, rule, baseline) for name, chains in drawn.items()]
    share = Axis(f"share of chains before {rule}", -0.03, 1.05)
    yield plot("survival", Axis("generation", 0, max(horizons.by_rule, 1), whole=True), share, survival)
    if rule.by_fidelity:
        lines = [_threshold(name, chains, horizons.watched, baseline) for name, chains in drawn.items()]
        longest = max(float(line.y.max()) for line in lines)
        length = Axis("FI, in generations", 0, (1 + MARGIN) * longest or 1)
        yield plot("threshold", Axis("threshold τ of fidelity", 0, 1), length, lines, [Limit(rule.limit, upright=True)])


def _fidelity(drawn: Drawn, horizons: Horizons, rule: Rule, baseline: str) -> tuple[Axis, Axis, list[Line], list[Limit]]:
    """Return the median over chains, and a band from the worst chain to the best, as far as all chains were watched."""
    generation = np.arange(horizons.watched + 1, dtype=float)
    lines = []
    for objective, trajectories in drawn.items():
        curves = np.stack([drawn_of(trajectory, generation, rule) for trajectory in trajectories])
        ends = (np.where(np.isfinite(end), end, np.nan) for end in (curves.min(axis=0), curves.max(axis=0)))
        band = (next(ends), next(ends)) if len(trajectories) > 1 else None
        name = f"{objective} ({len(trajectories)})"
        lines.append(Line(name, generation, np.median(curves, axis=0), band, is_baseline=objective == baseline))
    values = [rule.limit] if rule.centre is None else [rule.centre + rule.limit, rule.centre - rule.limit]
    # The rule's name stands on the side of collapse.
    limits = [Limit(value, name=None if place else str(rule), is_above=rule.side == ">") for place, value in enumerate(values)]
    wide = MARGIN * max(horizons.by_rule, 1)
    x = Axis("generation", -wide, max(horizons.by_rule, 1) + wide, whole=True)
    return x, _range_of_fidelity(lines, values, rule), lines, limits


def _range_of_fidelity(lines: Sequence[Line], limits: Sequence[float], rule: Rule) -> Axis:
    ends = [end for line in lines for end in line.band or ()]
    shown = np.concatenate([*(line.y for line in lines), *ends, limits])
    shown = shown[np.isfinite(shown)]
    low, high = float(shown.min()), float(shown.max())
    margin = MARGIN * (high - low) or MARGIN
    low, high = low - margin, high + margin
    if not rule.by_fidelity:
        return Axis(f"{rule.name} (median, range)", low, high)
    low, high = max(low, LEAST_PHI), min(high, MOST_PHI)
    return Axis("fidelity φ (median, range)", min(low, rule.limit - FOR_RULE * (high - low)), high)


def drawn_of(trajectory: Trajectory, generation: Floats, rule: Rule) -> Floats:
    """Return what is drawn of a chain in every generation, (G,): fidelity, or the metric that the rule is on.

    It is infinite, on the side of collapse, once the chain has diverged, so that the chain stays the worst of its objective.
    """
    lost = np.inf if rule.side == ">" else -np.inf
    if not trajectory.generation.size:
        return np.full(generation.shape, lost)
    values = np.interp(generation, trajectory.generation, trajectory.health if rule.by_fidelity else trajectory.value)
    return np.where(generation > trajectory.generation[-1], lost, values) if trajectory.diverged else values


def _survival(objective: str, trajectories: Sequence[Trajectory], horizon: int, rule: Rule, baseline: str) -> Line:
    onsets = restrict(trajectories, rule.least_health, horizon)
    generation, share = steps(onsets, horizon)
    name = f"{objective} (FI {onsets.times.mean():.3g})"
    is_open = bool(onsets.censored.any())
    return Line(name, generation, share, is_baseline=objective == baseline, as_steps=True, is_open=is_open)


def _threshold(objective: str, trajectories: Sequence[Trajectory], horizon: int, baseline: str) -> Line:
    thresholds = ALL_THRESHOLDS[SHOWN_THRESHOLDS // 2 :: SHOWN_THRESHOLDS]
    onsets = np.minimum([trajectory.onsets(thresholds) for trajectory in trajectories], horizon)
    return Line(objective, thresholds, onsets.mean(axis=0), is_baseline=objective == baseline)
