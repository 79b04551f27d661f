"""What `fortifai score` costs: processor time, wall time and memory of a process of its own, for a small and a large file.

The small file is the worked example of docs/scoring.md, the large one has 10,000 chains of 51 generations, four objectives and
26 MB. ``python benchmarks/score_speed.py`` prints the best of three.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RATES = {"ce": 0.05, "tce:gamma=0.9": 0.03, "focal:gamma=2": 0.045, "tce-quantile:keep=0.9": 0.04}
SEEDS, GENERATIONS, REPEATS = 2500, 51, 3
HEADER = "objective,seed,generation,metric,value,null,better\n"
SCRIPT = "import fortifai.cli, sys; sys.argv = ['fortifai', 'score', sys.argv[1]]; fortifai.cli.main()"


def worked_example() -> str:
    """Return the table of docs/scoring.md that is worked through."""
    page = (Path(__file__).parents[1] / "docs" / "scoring.md").read_text("utf-8")
    return page.partition("## A worked example")[2].partition("```csv\n")[2].partition("```")[0]


def large(seed: int = 0) -> str:
    """Return distances that grow towards the null, at a rate that varies from chain to chain."""
    rng = np.random.default_rng(seed)
    generation = np.arange(GENERATIONS)
    lines = [HEADER]
    for objective, rate in RATES.items():
        for chain in range(SEEDS):
            own = rate * np.exp(0.2 * rng.standard_normal())
            values = 1 - 0.8 * np.exp(-own * generation) + 0.01 * rng.standard_normal(GENERATIONS)
            lines += [f"{objective},{chain},{g},w1,{value:.17g},1,lower\n" for g, value in enumerate(values)]
    return "".join(lines)


def measure(path: Path) -> dict[str, float]:
    """Return processor seconds, wall seconds and peak megabytes of scoring a file."""
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(path)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"scoring {path} failed")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return {"cpu": usage.ru_utime + usage.ru_stime, "wall": time.perf_counter() - begin, "megabytes": usage.ru_maxrss / unit}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("small", worked_example()), ("large", large())):
            path = Path(folder) / f"{name}.csv"
            path.write_text(content)
            runs = [measure(path) for _ in range(REPEATS)]
            print(json.dumps({"file": name} | {key: round(min(run[key] for run in runs), 2) for key in runs[0]}))


if __name__ == "__main__":
    main()
