"""What the harness costs: generations of `image-vae` through the protocol, beside the same loop written by hand.

Both train, sample, and take the Frechet distance and the mean confidence in real images and in their own. Rounds are interleaved
and the ratio is of one round, because the machine's speed drifts.
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional

from fortifai import metrics, objectives
from fortifai.contract.declaration import modalities
from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.metrics.distances import torchmetrics_frechet
from fortifai.modalities.image.vae.adapter import VAEAdapter
from fortifai.modalities.image.vae.config import VAEConfig, VAESampling
from fortifai.modalities.image.vae.network import VAE
from fortifai.recursion import strategies
from fortifai.recursion.chain import Chain
from fortifai.recursion.protocol import run_chain
from fortifai.runner.chain_folder import ChainFolder

N, GENERATIONS, ROUNDS = 600, 2, 5
MOST = 1.05
"""The bar: five per cent."""


def by_hand(
    x: Tensor, test: Tensor, test_features: Tensor, features: Callable[[Tensor], Tensor], config: VAEConfig
) -> list[float]:
    """Train on real images, sample, train on the samples, and so on.

    Args:
        x: Real images to train on, float32 (n, 1, 28, 28) in [0, 1].
        test: Held-out real images, the same but for their number, R.
        test_features: Their features, float64 (R, D).
        features: Returns the features of images.
        config: The model and how it is trained.

    Returns:
        The Frechet distance of each generation.
    """
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
                mean, log_variance = model.encode(images)
                latent = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
                nll = functional.binary_cross_entropy_with_logits(model.decode(latent), images, reduction="none")
                torch.exp(-nll).mean()
        distances.append(torchmetrics_frechet(test_features, features(x)) ** 0.5)
    return distances


def through_the_harness(adapter: VAEAdapter, folder: Path, seed: int) -> list[float]:
    """Do the same by `run_chain`, into a new folder, records, samples, models and pictures included."""
    chain = Chain(
        adapter=adapter,
        sampling=VAESampling(),
        n=N,
        start="scratch",
        metrics=(metrics.find(modalities.get("image-vae"), "frechet"),),
        fidelity_metric="frechet",
        strategy=strategies.resolve("replace"),
        objective=objectives.resolve("ce"),
        seed=seed,
    )
    folder.mkdir()
    history = ChainFolder(folder, chain, "last", print)
    return [record.metrics["frechet"] or 0.0 for record in run_chain(chain, history, GENERATIONS)]


def test_a_generation_through_the_harness_costs_at_most_five_per_cent_more(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    config = VAEConfig(device="cpu")
    adapter = VAEAdapter(config, ImageData(source="mnist-5k"))
    train, test, features = adapter.splits.train["x"][:N], adapter.splits.test["x"], adapter.extractor.features
    test_features = features(test)
    ratios = []
    for round_ in range(ROUNDS):
        start = time.perf_counter()
        harness = through_the_harness(adapter, tmp_path / str(round_), round_)
        middle = time.perf_counter()
        hand = by_hand(train, test, test_features, features, config)
        end = time.perf_counter()
        ratios.append((middle - start) / (end - middle))
        print(f"harness {middle - start:.2f} s, by hand {end - middle:.2f} s, ratio {ratios[-1]:.3f}", harness, hand)
    assert median(ratios) <= MOST
