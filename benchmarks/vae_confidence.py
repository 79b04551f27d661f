"""What the confidence in a grey pixel is decides what truncation by pixel does: chains of `image-vae` under two of them.

`python benchmarks/vae_confidence.py --csv FILE [--set KEY=VALUE]... [--workers N]` runs the suite's chains of `replace` under
cross entropy, and under `tce:gamma=0.95,unit=pixel` by two confidences in a pixel of target x and cross entropy BCE: that of the
adapter, exp(-(BCE - H(x))), and exp(-BCE), by which no grey pixel is ever certain, not even one that is reconstructed perfectly.
Writes their trajectories, which `fortifai score FILE` scores.
"""

import argparse
import csv
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from unittest import mock

import torch
from torch import Tensor

from fortifai import objectives
from fortifai.modalities.image.vae import training
from fortifai.planning.loading import Adapters
from fortifai.planning.suite_file import load_suite
from fortifai.recursion import strategies
from fortifai.recursion.chain import Chain
from fortifai.recursion.null import measure_nulls
from fortifai.recursion.protocol import run_chain
from fortifai.runner.chain_folder import ChainFolder

SUITE, METRIC, TRUNCATED = "image-vae", "frechet", "tce:gamma=0.95,unit=pixel"
HEADINGS = ("objective", "seed", "generation", "metric", "value", "null", "better")

Confidence = Callable[[Tensor, Tensor], Tensor]


def likelihood(nll: Tensor, x: Tensor) -> Tensor:
    """Return the confidence in every pixel, in [0, 1]: exp(-BCE); arguments as of `pixel_confidence`."""
    return torch.exp(-nll)


KINDS: dict[str, tuple[str, Confidence]] = {
    "ce": ("ce", training.pixel_confidence),
    f"{TRUNCATED}, exp(-(BCE - H))": (TRUNCATED, training.pixel_confidence),
    f"{TRUNCATED}, exp(-BCE)": (TRUNCATED, likelihood),
}


def rows(settings: list[str], kind: str, seed: int) -> list[tuple[object, ...]]:
    """Run one chain and return its rows, one of them for each generation and value."""
    torch.set_num_threads(1)
    regime = load_suite(SUITE, [*settings, "model.device=cpu"]).regimes[0]
    adapter = Adapters().bind(regime)
    n, metric, (objective, confidence) = regime.size(len(adapter.splits.train)), regime.metric(METRIC), KINDS[kind]
    null = median(measure_nulls(adapter, metric, n))
    chain = Chain(
        adapter=adapter,
        sampling=regime.sampling,
        n=n,
        start=regime.start,
        metrics=(metric,),
        fidelity_metric=METRIC,
        strategy=strategies.resolve("replace"),
        objective=objectives.resolve(objective),
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(training, "pixel_confidence", confidence):
        history = ChainFolder(Path(folder), chain, "last", print)
        records = list(run_chain(chain, history, regime.generations))
    table: list[tuple[object, ...]] = []
    for record in records:
        table.append((kind, seed, record.generation, METRIC, record.metrics.get(METRIC), null, metric.better))
        table.append((kind, seed, record.generation, "masked_share", record.masked_share, "", ""))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", type=Path, required=True, help="the file to write")
    parser.add_argument("--set", action="append", default=[], dest="settings", help="as of fortifai run")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    regime = load_suite(SUITE, options.settings).regimes[0]
    chains = [(kind, seed) for seed in range(regime.seeds) for kind in KINDS]
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        tables = list(pool.map(partial(rows, options.settings), *zip(*chains, strict=True)))
    with options.csv.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([HEADINGS, *(row for table in tables for row in table)])


if __name__ == "__main__":
    main()
