"""What `fortifai score` costs: processor time, wall time and memory of a process of its own, for a small and a large file.

The small file is the worked example of docs/scoring.md, the large one has 10,000 chains of 51 generations, four objectives and
26 MB. ``python benchmarks/score_speed.py`` prints the best of five, and before that the same of its start: of Python, of what a
score imports and of what it does not wait for. A small file is scored in little more than its start takes.

Modules are compiled into a folder that the processes share, so that all but the first find them compiled, as they do wherever
fortifai is installed for good. Where Python may not write them (``PYTHONDONTWRITEBYTECODE``), a start takes twice as long.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RATES = {"ce": 0.05, "tce:gamma=0.9": 0.03, "focal:gamma=2": 0.045, "tce-quantile:keep=0.9": 0.04}
SEEDS, GENERATIONS, REPEATS = 2500, 51, 5
HEADER = "objective,seed,generation,metric,value,null,better\n"
SCORE = "import fortifai.cli, sys; sys.argv = ['fortifai', 'score', sys.argv[1]]; fortifai.cli.main()"
IMPORTED = ("sys", "fortifai.cli.app", "numpy", "scipy.special", "fortifai.fidelity.scoring")
NOT_IMPORTED = ("pyarrow.csv", "polars", "pandas")
"""What reading tables could be built on, and for a small file is not; those that are not installed are left out."""


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


def measure(compiled: str, script: str, *args: str) -> dict[str, float]:
    """Return processor seconds, wall seconds and peak megabytes of a process that runs a script."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = compiled
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", script, *args], stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{script} {' '.join(args)} failed")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return {"cpu": usage.ru_utime + usage.ru_stime, "wall": time.perf_counter() - begin, "megabytes": usage.ru_maxrss / unit}


def best(compiled: str, script: str, *args: str) -> dict[str, float]:
    """Return the least of each number over several processes."""
    runs = [measure(compiled, script, *args) for _ in range(REPEATS)]
    return {key: round(min(run[key] for run in runs), 2) for key in runs[0]}


def main() -> None:
    with tempfile.TemporaryDirectory() as compiled, tempfile.TemporaryDirectory() as folder:
        for module in (*IMPORTED, *NOT_IMPORTED):
            if importlib.util.find_spec(module.partition(".")[0]):
                print(json.dumps({"import": module} | best(compiled, f"import {module}")), flush=True)
        # One after the other: a process counts what the one that started it held as its own.
        for name, make in (("small", worked_example), ("large", large)):
            path = Path(folder) / f"{name}.csv"
            path.write_text(make())
            print(json.dumps({"score": name} | best(compiled, SCORE, str(path))), flush=True)


if __name__ == "__main__":
    main()
