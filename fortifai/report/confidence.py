"""How sure a model is of real data and of its own: histograms of confidence p_t, the observation that TCE rests on.

They are in the records of a run (`confidence.<part>.histogram`), so there is nothing to draw of a CSV file.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fortifai.fidelity.trajectories.curves import Group
from fortifai.records.reading import read_chains, read_records
from fortifai.report.style import AREA, HEADING, OKABE_ITO, STYLE, Picture, file_name, heading, save
from fortifai.sanitise import label

REAL, OWN = "real", "synthetic"

LONGEST_NAME = 22
"""Letters of an objective's name that fit beside its row."""

ROOM = 1.15
"""The height of a panel over that of the highest bar."""


class Confidence(NamedTuple):
    """The confidence of one chain's model in one generation, on real data and on its own samples.

    ``shares``: of elements in equal bins of [0, 1], (bins,). ``means``: of p_t, in [0, 1].
    """

    shares: dict[str, NDArray[np.float64]]
    means: dict[str, float]


Generations = dict[int, list[Confidence]]
"""The confidence of all chains of an objective, by generation."""


def draw_confidence(run: Path, out: Path, baseline: str) -> list[Picture]:
    """Draw the histograms of every group of a run: generation 0, a middle one and the last, a row for each objective.

    The last is the last that every objective has. Shares are means over chains.

    Args:
        run: The run folder.
        out: The folder that is written to.
        baseline: The objective of the first row.

    Returns:
        The pictures: none for a run that recorded no histograms.

    Raises:
        UserError: When a file cannot be written.
    """
    drawn: list[Picture] = []
    for group, objectives in sorted(_read(run).items(), key=lambda item: tuple(map(str, item[0]))):
        last = min(max(generations) for generations in objectives.values())
        columns = sorted({0, last // 2, last})
        order = sorted(objectives, key=lambda name: (name != baseline, name))
        with mpl.rc_context(STYLE):
            width = 1 + 2.6 * len(columns)
            figure = Figure(figsize=(width, 1 + 1.7 * len(order)), layout="constrained")
            figure.suptitle(heading([*group, "confidence"], width), fontsize=9, x=0.01, ha="left", gid=HEADING)
            grid = figure.subplots(len(order), len(columns), squeeze=False, sharex=True, sharey="row")
            for name, row in zip(order, grid, strict=True):
                for generation, axes in zip(columns, row, strict=True):
                    _panel(axes, objectives[name].get(generation, []))
                # Once all of a row is drawn: its panels share one scale, with room above for the means.
                row[0].set(xlim=(0, 1), ylim=(0, ROOM * row[0].get_ylim()[1]))
                # A name too long for its row is broken behind the colon.
                shown = label(name).replace(":", ":\n", 1) if len(name) > LONGEST_NAME else label(name)
                row[0].set_ylabel(f"{shown} ({len(objectives[name][0])})\nshare of elements")
            for generation, axes in zip(columns, grid[0], strict=True):
                axes.set_title(f"generation {generation}", fontsize=9)
            for axes in grid[-1]:
                axes.set_xlabel("confidence $p_t$")
            handles, labels = grid[0, 0].get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside lower right", ncols=2, frameon=False)
            svg, png = save(figure, out, file_name("confidence", group))
            drawn.append(Picture("confidence", group, None, tuple(order), svg, png))
    return drawn


def _panel(axes: Axes, chains: list[Confidence]) -> None:
    if not chains:
        axes.text(0.5, 0.5, "no chain", transform=axes.transAxes, ha="center")
        return
    real, own = (np.mean([chain.shares[part] for chain in chains], axis=0) for part in (REAL, OWN))
    edges = np.linspace(0, 1, len(real) + 1)
    # A grey area and a dark line: told apart without colour.
    axes.stairs(real, edges, fill=True, color=AREA, label="on real data")
    axes.stairs(own, edges, color=OKABE_ITO[1], linewidth=1.6, label="on own samples")
    means = [float(np.mean([chain.means[part] for chain in chains])) for part in (REAL, OWN)]
    text = "mean {:.2f} real, {:.2f} own".format(*means)
    axes.text(0.5, 0.97, text, transform=axes.transAxes, ha="center", va="top", fontsize=7)


def _read(run: Path) -> dict[Group, dict[str, Generations]]:
    groups: dict[Group, dict[str, Generations]] = defaultdict(dict)
    for chain in read_chains(run):
        group = Group(chain.suite, chain.modality, chain.model, chain.regime, chain.strategy)
        for record in read_records(run / chain.id, chain):
            if (confidence := _confidence(record.confidence)) is not None:
                groups[group].setdefault(chain.objective, defaultdict(list))[record.generation].append(confidence)
    return groups


def _confidence(recorded: dict[str, Any]) -> Confidence | None:
    """Return what a record says of confidence, or None where training diverged and in records from before histograms."""
    parts = {part: recorded.get(part) for part in (REAL, OWN)}
    if any(not isinstance(summary, dict) or "histogram" not in summary for summary in parts.values()):
        return None
    shares = {part: np.asarray(summary["histogram"], dtype=float) for part, summary in parts.items() if summary}
    return Confidence(shares, {part: float(summary["mean"]) for part, summary in parts.items() if summary})
