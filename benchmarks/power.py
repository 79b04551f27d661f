"""The smallest true extension ratio that is found with a chance of 80 %, by number of chains and correlation, simulated.

Onsets are log-normal with a coefficient of variation of 0.2; the logs of a seed's chains correlate. A table has six comparisons
with the same baseline, of which one differs from it. Found is what the score calls so: p < 0.05 after Holm's adjustment over the
table, both by the functions of fortifai.fidelity.intervals. The ratio is searched by bisection, on the same chains throughout.
``python benchmarks/power.py --csv benchmarks/power.csv`` prints the table of docs/scoring.md, with
`fortifai.fidelity.power.smallest_visible_ratio` in brackets.
"""

import argparse
import csv
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fortifai.fidelity.intervals import holm, ratio_of
from fortifai.fidelity.onset import Restricted
from fortifai.fidelity.power import ONSET_CV, POWER, smallest_visible_ratio

CHAINS = (3, 5, 7, 10, 12)
CORRELATIONS = (0.0, 0.5, 0.8)
COMPARISONS = 6
LEVEL = 0.05
STEPS = 12
HEADINGS = ("chains", *(f"correlation {correlation:g}" for correlation in CORRELATIONS))

Floats = NDArray[np.float64]


def p_value(own: Floats, baseline: Floats) -> float | None:
    """Return the raw p of a ratio of uncensored onsets, (C,) each."""
    never = np.zeros(own.size, dtype=bool)
    return ratio_of(Restricted(own, never), Restricted(baseline, never)).p


def share_found(ratio: float, onsets: Floats, null_p: list[list[float | None]]) -> float:
    """Return the share of tables in which the one real difference is found.

    Args:
        ratio: The true extension ratio.
        onsets: Onsets of the baseline and of the objective before it lasts longer, (tables, 2, C).
        null_p: The raw p of the other comparisons, by table.
    """
    adjusted = [
        holm([p_value(ratio * own, baseline), *others])[0] for (baseline, own), others in zip(onsets, null_p, strict=True)
    ]
    return float(np.mean([p is not None and p < LEVEL for p in adjusted]))


def simulated(chains: int, correlation: float, tables: int, rng: np.random.Generator) -> float:
    """Return the ratio that is found in 80 % of tables."""
    spread = math.sqrt(math.log(1 + ONSET_CV**2))
    scores = rng.standard_normal((tables, COMPARISONS + 2, chains))
    # What the chains of a seed share comes first; all objectives correlate alike with the baseline and with each other.
    logs = spread * (math.sqrt(correlation) * scores[:, :1] + math.sqrt(1 - correlation) * scores[:, 1:])
    onsets = np.exp(logs)  # (tables, 1 + COMPARISONS, C), the baseline's first
    null_p = [[p_value(own, table[0]) for own in table[2:]] for table in onsets]
    low, high = 0.0, 2 * math.log(smallest_visible_ratio(chains, COMPARISONS, spread * math.sqrt(2 * (1 - correlation))) or 1)
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if share_found(math.exp(middle), onsets[:, :2], null_p) >= POWER else (middle, high)
    return math.exp((low + high) / 2)


def table(tables: int, seed: int) -> list[list[str]]:
    """Return the rows of the table, a text for each of `HEADINGS`."""
    spread = math.sqrt(math.log(1 + ONSET_CV**2))
    rows = []
    for chains in CHAINS:
        row = [str(chains)]
        for stream, correlation in enumerate(CORRELATIONS):
            measured = simulated(chains, correlation, tables, np.random.default_rng([seed, chains, stream]))
            formula = smallest_visible_ratio(chains, COMPARISONS, spread * math.sqrt(2 * (1 - correlation)))
            row.append(f"{measured:.2f} ({formula:.2f})")
        rows.append(row)
    return rows


def as_markdown(rows: list[list[str]]) -> list[str]:
    """Return the table as the page prints it."""
    lines = [f"| {' | '.join(HEADINGS)} |", "|---:|" + "---|" * len(CORRELATIONS)]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="write the table here as well")
    asked = parser.parse_args()
    rows = table(asked.tables, asked.seed)
    print("\n".join(as_markdown(rows)))
    if asked.csv:
        with asked.csv.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEADINGS, *rows])


if __name__ == "__main__":
    main()
