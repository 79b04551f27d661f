"""How confident a diffusion model is, and how much of its error lies in what it is confident of: what a threshold would mask.

`python benchmarks/diffusion_confidence.py [--set KEY=VALUE]...` fits generation 0 of `image-diffusion` by cross entropy (a minute
and a half on one core), noises its training images and as many unseen ones to the middle of each band of noise levels, and
prints, for each unit and threshold, the share of elements above it and the share of all squared error that they carry.
"""

import argparse

import torch
from torch import Tensor

from fortifai.modalities.image.diffusion import process
from fortifai.modalities.image.diffusion.adapter import DiffusionAdapter
from fortifai.modalities.image.diffusion.network import BANDS, DiffusionModel, predict
from fortifai.modalities.image.elements import weighed
from fortifai.objectives import resolve
from fortifai.planning.loading import load_regime
from fortifai.planning.suite_file import load_suite
from fortifai.randomness import stream

THRESHOLDS = {"pixel": (0.9, 0.95, 0.99), "sample": (0.6, 0.7, 0.8, 0.9)}


@torch.no_grad()
def errors(model: DiffusionModel, x: Tensor, adapter: DiffusionAdapter) -> tuple[Tensor, Tensor]:
    """Give r^2 of every pixel at the middle of every band, and the confidence in it, (BANDS n, C, H, W)."""
    config, found = adapter.config, process.process_of(adapter.config)
    squares, confidences = [], []
    for band in range(BANDS):
        level = torch.tensor((2 * band + 1) * config.noise_levels // (2 * BANDS))
        noise = torch.randn(x.shape, generator=stream("diffusion_confidence", band))
        predicted = predict(model.network, process.noised(found, x, noise, level), level, torch.float32)
        squares.append((predicted - noise).square())
        confidences.append(process.confidence(squares[-1], model.mean_squares[band]))
    return torch.cat(squares), torch.cat(confidences)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", default=[], dest="settings", help="as of fortifai run")
    regime = load_suite("image-diffusion", [*parser.parse_args().settings, "model.device=cpu"]).regimes[0]
    adapter, splits = load_regime(regime)
    assert isinstance(adapter, DiffusionAdapter)
    pool = splits.train.take(torch.randperm(len(splits.train), generator=stream("diffusion_confidence"))[: regime.size()])
    model = adapter.fit(pool, splits.validation, resolve("ce"), None, stream("diffusion_confidence", "fit")).model
    print("| images | unit | threshold | above it | squared error they carry |\n|---|---|---:|---:|---:|")
    for name, x in ("training", pool["x"]), ("unseen", splits.test["x"][: len(pool)]):
        square, confidence = errors(model, x, adapter)
        for unit, thresholds in THRESHOLDS.items():
            error, p = weighed(resolve(f"tce:gamma=0.9,unit={unit}"), square, confidence)
            for threshold in thresholds:
                above = p > threshold
                carried = float(error[above].sum() / error.sum())
                print(f"| {name} | {unit} | {threshold} | {float(above.float().mean()):.1%} | {carried:.1%} |")


if __name__ == "__main__":
    main()
