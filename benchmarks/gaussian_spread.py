"""Sigma of a Gaussian after 300 generations under replace, by objective, without and with a sampling bias; the truth is 1.

Chains run through the protocol that suites run, in batches, every fit starting from the last model, which made the samples and
judges how sure it is. `tce-online` depends on a chain's own record and runs chain by chain, so there are fewer of it. Every batch
is appended to the file ``--out`` as it ends, and the same command resumes. Prints the table of docs/laws.md: 5 %, median and 95 %
of the chains. Run with ``python benchmarks/gaussian_spread.py``.
"""

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from fortifai.laws.anchored_spread import spread_after
from fortifai.laws.experiments import GAUSSIAN, log_variance
from fortifai.laws.monte_carlo import Check, Experiment, run_batch
from fortifai.randomness import seed_of

FITS = 301
"""Of a chain of 300 generations after generation 0."""

OBJECTIVES = ("ce", "tce:gamma=0.85", "tce:gamma=0.85,scale=relative", "tce-anchored", "tce-calibrated", "tce-online")
SIZES = (30, 100, 1000)
TEMPERATURES = (1.0, 0.9)
BATCH_SAMPLES = 2**18
"""Samples of a generation that a batch holds: another number would give other chains than the table has."""
LEVELS = (0.05, 0.5, 0.95)

Key = tuple[str, int, float, int]


def experiment(objective: str, n: int, temperature: float) -> Experiment:
    end = Check(9, "benchmark", FITS, log_variance, 0.0)
    return Experiment(GAUSSIAN, n, "replace", (end,), objective=objective, start="warm", temperature=temperature)


def chains(objective: str, arguments: argparse.Namespace) -> int:
    """Return how many chains are run."""
    if objective == "tce-online":
        return arguments.online
    # The threshold of the calibrated one is found by sorting, chain by chain.
    return arguments.chains // 4 if objective == "tce-calibrated" else arguments.chains


def batches(objective: str, n: int, count: int) -> Iterator[tuple[int, int | None]]:
    """Yield number and size of each batch; None: one chain without a chain axis."""
    if objective == "tce-online":
        yield from ((number, None) for number in range(count))
        return
    most = BATCH_SAMPLES // n
    for number, first in enumerate(range(0, count, most)):
        yield number, min(most, count - first)


def finished(file: Path) -> dict[Key, list[float]]:
    """Return the log sigmas of all batches that the file holds."""
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    records = [json.loads(line) for line in lines]
    return {(r["objective"], r["n"], r["temperature"], r["batch"]): r["log_sigma"] for r in records}


def run(file: Path, arguments: argparse.Namespace) -> dict[tuple[str, int, float], list[float]]:
    """Run every batch that the file lacks, and return the log sigmas of all chains."""
    done, cells = finished(file), {}
    for objective in OBJECTIVES:
        for n in SIZES:
            for temperature in TEMPERATURES:
                cells[objective, n, temperature] = values = []
                for number, size in batches(objective, n, chains(objective, arguments)):
                    key = (objective, n, temperature, number)
                    if key not in done:
                        seed = seed_of("gaussian-spread", n, round(100 * temperature), number)
                        models = run_batch(experiment(objective, n, temperature), size, seed)
                        done[key] = (0.5 * log_variance(models)).reshape(-1).tolist()
                        record = dict(zip(("objective", "n", "temperature", "batch"), key, strict=True))
                        with file.open("a", encoding="utf-8") as stream:
                            stream.write(json.dumps(record | {"log_sigma": done[key]}) + "\n")
                    values += done[key]
    return cells


def shown(sigma: float) -> str:
    return f"{sigma:.2f}" if sigma < 1000 else f"1e{round(math.log10(sigma))}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chains", type=int, default=1000)
    parser.add_argument("--online", type=int, default=20, help="chains of tce-online")
    parser.add_argument("--out", type=Path, default=Path("gaussian-spread.jsonl"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cells = run(arguments.out, arguments)
    print("| objective | n | temperature | chains | 5 % | median | 95 % |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for (objective, n, temperature), values in cells.items():
        quantiles = " | ".join(shown(math.exp(q)) for q in np.quantile(values, LEVELS))
        print(f"| `{objective}` | {n} | {temperature:g} | {len(values)} | {quantiles} |")
    for n in SIZES:
        for temperature in TEMPERATURES:
            law = spread_after(n, temperature, FITS)
            print(f"| law 9 | {n} | {temperature:g} | – | " + " | ".join(f"{law.quantile(level):.2f}" for level in LEVELS) + " |")


if __name__ == "__main__":
    main()
