"""Draw what decisions cost against fidelity by distance, generation by generation, from a run of `tabular-decisions`.

``python benchmarks/regret_against_fidelity.py runs/tabular-decisions@1 --out docs/pictures`` writes
``tabular-decisions-regret.svg`` and ``.png``: a row for each regime under `replace`, a panel for each decision, a line for each
objective. A point is the median over chains in one generation, fidelity (phi of the suite's distance) to the left falling and
regret upwards; every tenth generation has a dot. It prints the generations too in which the median crosses a phi of 0.75 and a
regret of 0.05, 0.1 and 0.2.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fortifai.fidelity.rule import BASELINE
from fortifai.fidelity.trajectories.curves import Curve
from fortifai.fidelity.trajectories.groups import fidelity
from fortifai.fidelity.trajectories.reading import read_run
from fortifai.report.style import STYLE, look, save

DISTANCE = "sliced_wasserstein"
DECISION = "decision_regret:policy="
MARKED = 10
COSTS = (0.05, 0.1, 0.2)

Medians = dict[tuple[str, str, str], np.ndarray]
"""The median over chains, (generations,), by regime, objective and metric; of the distance it is phi."""


def medians(curves: list[Curve]) -> Medians:
    """Return what is drawn, up to the last generation that all chains of a regime and objective have."""
    own = [curve for curve in curves if curve.group.strategy == "replace"]
    starts = {(c.group.regime, c.seed): c.value[0] for c in own if c.metric == DISTANCE and c.objective == BASELINE}
    chains = defaultdict(list)
    for curve in own:
        value = curve.value
        if curve.metric == DISTANCE:
            value = fidelity(value, curve.null, float(starts[curve.group.regime, curve.seed]))
        if curve.metric == DISTANCE or curve.metric.startswith(DECISION):
            chains[str(curve.group.regime), curve.objective, curve.metric].append(value)
    return {key: np.median([v[: min(map(len, values))] for v in values], axis=0) for key, values in chains.items()}


def draw(found: Medians, out: Path) -> None:
    """Write the picture."""
    import matplotlib.pyplot as plt

    regimes, objectives, metrics = (list(dict.fromkeys(key[place] for key in found)) for place in range(3))
    objectives.sort(key=lambda name: (name != BASELINE, name))
    decisions = [metric for metric in metrics if metric != DISTANCE]
    with plt.rc_context(STYLE):
        figure: Figure
        figure, axes = plt.subplots(
            len(regimes), len(decisions), figsize=(3.1 * len(decisions), 2.7 * len(regimes)), squeeze=False, sharex="row"
        )
        for row, regime in zip(axes, regimes, strict=True):
            for panel, decision in zip(row, decisions, strict=True):
                lines(panel, found, regime, objectives, decision)
                panel.set_title(f"{regime}: {decision.removeprefix(DECISION).partition(',')[0]}", fontsize=9)
            row[0].set_ylabel("regret")
        for panel in axes[-1]:
            panel.set_xlabel("fidelity by distance")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncols=2, frameon=False)
        figure.tight_layout(rect=(0, 0.07, 1, 1))
        for path in save(figure, out, "tabular-decisions-regret"):
            print(path)


def lines(panel: Axes, found: Medians, regime: str, objectives: list[str], decision: str) -> None:
    """Draw the objectives of one panel."""
    for place, objective in enumerate(objectives):
        phi, regret = found[regime, objective, DISTANCE], found[regime, objective, decision]
        panel.plot(phi, regret, label=objective, linewidth=1.2, marker="o", markersize=3, markevery=MARKED, **look(place))
    panel.axvline(0.75, color="#595959", linewidth=0.8)
    panel.set_ylim(bottom=0)
    panel.xaxis.set_inverted(True)


def first(reached: np.ndarray) -> str:
    """Return the first generation in which something holds, or a dash."""
    return str(int(reached.argmax())) if reached.any() else "–"


def main() -> None:
    """Draw the picture and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    arguments = parser.parse_args()
    found = medians(list(read_run(arguments.run).curves))
    draw(found, arguments.out)
    print("| regime | objective | phi < 0.75 | decision | last regret |", *(f"> {cost:g} |" for cost in COSTS))
    print("|---|---|---:|---|---:|" + "---:|" * len(COSTS))
    for (regime, objective, metric), value in found.items():
        if metric != DISTANCE:
            cells = [regime, f"`{objective}`", first(found[regime, objective, DISTANCE] < 0.75)]
            cells += [metric.removeprefix(DECISION).partition(",")[0], f"{value[-1]:.3f}"]
            print("|", " | ".join([*cells, *(first(value > cost) for cost in COSTS)]), "|")


if __name__ == "__main__":
    main()
