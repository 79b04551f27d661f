"""How much range a metric of images has: what a perfect model reads, what one that lost everything reads, and what lies between.

`python benchmarks/image_metric_range.py [--source S] [--features F] [--size PIXELS] [--metric NAME]... [--n N]` prints one row
for each:
floor: n images of the training pool; unseen: the validation split, at most n; null: one training image repeated, median of 64
(as every suite measures it); blurred: the floor, blurred by a Gaussian of 1 pixel; narrow: n images of the first half of the
classes; typical: the floor, each image halfway to the mean of its class; few: a tenth of the floor's images, each ten times;
noisy: the floor with noise of 0.2. In brackets, for metrics that have a better end: fidelity phi, were the floor generation 0.
Seconds: of one generation; the first row bears the features of its images, which are extracted once for all metrics.
"""

import argparse
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from fortifai.contract.metric import Metric
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.samples import Samples
from fortifai.metrics import measure
from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.data.splits import Images
from fortifai.modalities.image.metrics.declared import METRICS
from fortifai.modalities.image.vae.adapter import VAEAdapter
from fortifai.modalities.image.vae.config import VAEConfig
from fortifai.randomness import stream
from fortifai.recursion.null import measure_nulls

BY_NAME = {metric.name: metric for metric in METRICS}


def kinds(images: Images, n: int) -> Iterator[tuple[str, Tensor]]:
    """Yield each kind that the module names, but the nulls, and about n images of it, float32 (n, C, H, W) in [0, 1]."""
    rng = stream("image_metric_range")
    x = images.splits.train["x"]
    order = torch.randperm(len(x), generator=rng)
    chosen = order[:n]
    yield "floor", x[chosen]
    yield "unseen", images.splits.validation["x"][:n]
    yield "blurred", gaussian_blur(x[chosen], [5, 5], [1.0, 1.0])
    if images.labels is not None:
        labels = images.labels
        means = torch.stack([x[labels == c].mean(0) for c in range(images.classes)])
        yield "narrow", x[order[labels[order] < images.classes // 2][:n]]
        yield "typical", (x[chosen] + means[labels[chosen]]) / 2
    yield "few", x[chosen[: n // 10]].repeat(10, 1, 1, 1)
    yield "noisy", (x[chosen] + 0.2 * torch.randn(x[chosen].shape, generator=rng)).clamp(0, 1)


def row(
    metric: Metric, adapter: VAEAdapter, inputs: dict[str, MetricInputs[VAEAdapter]], n: int
) -> tuple[dict[str, float], float]:
    """Return the value of a metric for every kind and for the nulls, and the seconds that the last kind took."""
    values, seconds = {}, 0.0
    for kind, generation in inputs.items():
        start = time.perf_counter()
        values[kind] = measure(metric, generation)
        seconds = time.perf_counter() - start
    return {**values, "null": median(measure_nulls(adapter, metric, n))}, seconds


def with_phi(values: dict[str, float], metric: Metric) -> list[str]:
    """Return the values as text, and behind those between floor and null their fidelity, were the floor generation 0."""
    floor, null = values["floor"], values["null"]
    plain = {"floor", "null"} if metric.better != "target" else values.keys()
    return [
        f"{value:.3f}" if kind in plain else f"{value:.3f} ({(null - value) / (null - floor):.2f})"
        for kind, value in values.items()
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default="mnist-5k")
    parser.add_argument("--features", default="auto", choices=["auto", "classifier", "imagenet", "inception"])
    parser.add_argument("--size", type=int)
    parser.add_argument("--metric", action="append", choices=list(BY_NAME))
    parser.add_argument("--n", type=int, default=600)
    options = parser.parse_args()
    data = ImageData(source=options.source, features=options.features, size=options.size)
    adapter = VAEAdapter(VAEConfig(device="cpu"), data)
    train, labels = adapter.splits.train["x"], adapter.images.labels
    if adapter.classifier is not None and labels is not None:
        # The labels of held-out images are not kept: the accuracy on unseen images stands in tests/image.
        right = (adapter.classifier.predict(train) == labels).double().mean()
        print(f"the classifier names the class of {right:.1%} of the pool")
    cache: dict[str, Any] = {}
    inputs = {kind: MetricInputs(adapter, Samples.real(x=x), cache=cache) for kind, x in kinds(adapter.images, options.n)}
    extractor = adapter.extractor
    start = time.perf_counter()
    extractor.features(inputs["floor"].synthetic["x"])
    seconds = time.perf_counter() - start
    test = len(adapter.splits.test)
    print(f"features: {extractor.name}, in {seconds:.2f} s; n = {options.n}, {test} test images")
    print(f"\n| metric | {' | '.join([*inputs, 'null'])} | seconds |\n|{'---|' * (len(inputs) + 3)}")
    for name in options.metric or BY_NAME:
        values, seconds = row(BY_NAME[name], adapter, inputs, options.n)
        print(f"| {name} | {' | '.join(with_phi(values, BY_NAME[name]))} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
