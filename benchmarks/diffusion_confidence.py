"""How confident a diffusion model is, and how much of its error lies in what it is confident of: what a threshold would mask.

`python benchmarks/diffusion_confidence.py [--set KEY=VALUE]...` fits generation 0 of `image-diffusion` by cross entropy (a minute
and a half on one core), noises its training images and as many unseen ones to the middle of each band of noise levels, and
prints, for each unit and threshold, the share of elements above it and the share of all squared error that they carry.
"""

import argparse
from typing import cast

import torch
from torch import Tensor

from fortifai.modalities.image.diffusion import process
from fortifai.modalities.image.diffusion.adapter import DiffusionAdapter
from fortifai.modalities.image.diffusion.network import BANDS, DiffusionModel, predict
from fortifai.modalities.image.elements import elements_of
from fortifai.objectives import resolve
from fortifai.planning.loading import Adapters
from fortifai.planning.suite_file import load_suite
from fortifai.randomness import stream

THRESHOLDS = {"pixel": (0.9, 0.95, 0.99), "sample": (0.6, 0.7, 0.8, 0.9)}


@torch.no_grad()
def errors(model: DiffusionModel, x: Tensor, adapter: DiffusionAdapter) -> tuple[Tensor, Tensor]:
    """Return r^2 of every pixel of images, (n, C, H, W), at the middle of every band, and the confidence in it.

    Both are (BANDS n, C, H, W).
    """
    config, noising = adapter.config, process.noising_process(adapter.config)
    squares, confidences = [], []
    for band in range(BANDS):
        level = torch.tensor((2 * band + 1) * config.noise_levels // (2 * BANDS))
        noise = torch.randn(x.shape, generator=stream("diffusion_confidence", band))
        predicted = predict(model.network, process.add_noise(noising, x, noise, level), level, torch.float32)
        squares.append((predicted - noise).square())
        confidences.append(process.confidence(squares[-1], model.scale()[band]))
    return torch.cat(squares), torch.cat(confidences)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", default=[], dest="settings", help="as of fortifai run")
    regime = load_suite("image-diffusion", [*parser.parse_args().settings, "model.device=cpu"]).regimes[0]
    adapter = cast(DiffusionAdapter, Adapters().bind(regime))
    train = adapter.splits.train
    pool = train.take(torch.randperm(len(train), generator=stream("diffusion_confidence"))[: regime.size()])
    model = adapter.fit(pool, resolve("ce"), None, stream("diffusion_confidence", "fit")).model
    print("| images | unit | threshold | above it | squared error they carry |\n|---|---|---:|---:|---:|")
    for name, x in ("training", pool["x"]), ("unseen", adapter.splits.test["x"][: len(pool)]):
        square, confidence = errors(model, x, adapter)
        for unit, thresholds in THRESHOLDS.items():
            error, p = elements_of(resolve(f"tce:gamma=0.9,unit={unit}"), square, confidence)
            for threshold in thresholds:
                above = p > threshold
                carried = float(error[above].sum() / error.sum())
                print(f"| {name} | {unit} | {threshold} | {float(above.float().mean()):.1%} | {carried:.1%} |")


if __name__ == "__main__":
    main()
