"""What the harness costs: generations of `image-vae` through the protocol, beside the same loop written by hand.

Both train, sample, and take the Frechet distance and the mean confidence in real images and in their own. Rounds are interleaved
and the ratio is of one round, because the machine's speed drifts.
"""

import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.nn import functional

from fortifai import metrics, objectives
from fortifai.config import Sampling
from fortifai.contract.declaration import modalities
from fortifai.contract.modality import Modality
from fortifai.contract.samples import Splits
from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.metrics.distances import torchmetrics_frechet
from fortifai.modalities.image.vae.config import VAEConfig
from fortifai.modalities.image.vae.network import VAE
from fortifai.recursion import strategies
from fortifai.recursion.protocol import Chain, run_chain
from fortifai.runner.chain_folder import ChainFolder

N, GENERATIONS, ROUNDS = 600, 2, 5
MOST = 1.05
"""The bar: five per cent."""


def by_hand(x: torch.Tensor, test: torch.Tensor, test_features: torch.Tensor, features: Any, config: VAEConfig) -> list[float]:
    """Train on real images, sample, train on the samples, and so on; give the Frechet distance of each generation."""
    distances = []
    for generation in range(GENERATIONS + 1):
        torch.manual_seed(generation)
        model = VAE(1, 28, config.channels, config.latent)
        optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
        for _ in range(config.epochs):
            for index in torch.randperm(len(x)).split(config.batch):
                batch = x[index]
                mean, log_variance = model.encode(batch)
                latent = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
                nll = functional.binary_cross_entropy_with_logits(model.decode(latent), batch, reduction="sum")
                divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
                loss = (nll + divergence) / len(batch)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
        with torch.no_grad():
            x = torch.sigmoid(model.decode(torch.randn(len(x), config.latent)))
            for images in (test, x):
                nll = functional.binary_cross_entropy_with_logits(model.decode(model.encode(images)[0]), images, reduction="none")
                entropy = -(torch.special.xlogy(images, images) + torch.special.xlogy(1 - images, 1 - images))
                torch.exp(entropy - nll).mean()
        distances.append(torchmetrics_frechet(test_features, features(x)) ** 0.5)
    return distances


def through_the_harness(modality: Modality[Any], splits: Splits, folder: Path, seed: int) -> list[float]:
    """The same by `run_chain`, into a folder, records, samples, models and pictures included."""
    metric = metrics.find(modalities.get("image-vae"), "frechet")
    replace, ce = strategies.resolve("replace"), objectives.resolve("ce")
    chain = Chain(modality, splits, Sampling(), N, "scratch", (metric,), "frechet", replace, ce, seed)
    history = ChainFolder(folder, chain, "last")
    history.path.mkdir()
    return [record.metrics["frechet"] or 0.0 for record in run_chain(chain, history, GENERATIONS)]


def test_a_generation_through_the_harness_costs_at_most_five_per_cent_more(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    config = VAEConfig(device="cpu")
    modality = modalities.get("image-vae").build(config)
    splits = modality.load(ImageData(source="mnist-5k"))
    extractor = modality.extractor  # type: ignore[attr-defined]
    test_features = extractor.features(splits.test["x"])
    ratios = []
    for round_ in range(ROUNDS):
        start = time.perf_counter()
        ours = through_the_harness(modality, splits, tmp_path / str(round_), round_)
        middle = time.perf_counter()
        theirs = by_hand(splits.train["x"][:N], splits.test["x"], test_features, extractor.features, config)
        end = time.perf_counter()
        ratios.append((middle - start) / (end - middle))
        print(f"harness {middle - start:.2f} s, by hand {end - middle:.2f} s, ratio {ratios[-1]:.3f}", ours, theirs)
    assert median(ratios) <= MOST
