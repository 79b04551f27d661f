"""Score an entry without some of its seeds, such as those that its settings had been looked at on.

``python benchmarks/without_seeds.py "leaderboards/entries/tabular-gmm@2--fortifai.json.gz" 0 1`` prints FI and ER of every
objective under `replace`, by the suite's own rule, from the remaining chains.
"""

import argparse
from pathlib import Path

from fortifai.fidelity.scoring import score
from fortifai.records.entry_file import read_entry
from fortifai.report.tables import estimate, p_value


def main() -> None:
    """Print one line for each regime and objective."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("entry", type=Path)
    parser.add_argument("seeds", type=int, nargs="+", help="what is left out")
    arguments = parser.parse_args()
    numbers = read_entry(arguments.entry).numbers
    chains = [chain for chain in numbers.chains if chain.seed not in arguments.seeds and chain.strategy == "replace"]
    for row in score(numbers.model_copy(update={"chains": chains, "missing": []})).rows:
        cells = (estimate(row.fidelity_interval), estimate(row.extension_ratio), p_value(row.p_value))
        print(row.regime, row.objective, f"{row.chains} chains", *cells, sep=" | ")


if __name__ == "__main__":
    main()
