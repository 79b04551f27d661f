"""A small classifier of the real training pool: how images are compared, and which class each of them is of.

Features of a network trained on the data at hand see what distinguishes ITS images, which features of photographs do not do
for handwritten digits. It is trained on the pool alone, once, and kept in the disk cache.
"""

import math
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional

from fortifai.cache import cached_file, write_cached
from fortifai.contract.samples import Samples
from fortifai.device import one_thread
from fortifai.randomness import integer_seed, stream

from ..data.splits import Images
from .batches import in_batches

VERSION = 1
"""Of the architecture and its training: raise it when either changes, so that what older versions cached is not used."""

FEATURES = 64
CHANNELS = (16, 32, 64)
BATCH = 64
LEARNING_RATE = 6e-3
PASSES = 7
"""Times that every image is seen, where that is neither too few steps nor too many."""
FEWEST_STEPS, MOST_STEPS = 400, 3000


class Classifier:
    """A trained classifier. Images are float32 (n, C, H, W) in [0, 1] on the CPU; it works on its device."""

    name = "classifier"
    dimensions = FEATURES

    def __init__(self, network: nn.Sequential, classes: int, device: torch.device) -> None:
        """Move a trained network to a device.

        Args:
            network: Returns logits, (n, classes), of images.
            classes: How many classes there are.
            device: Where it is to work.
        """
        self.network = network.eval().requires_grad_(False).to(device)
        self.classes = classes
        self.device = device

    def features(self, x: Tensor) -> Tensor:
        """Return the activations before the last layer, float64 (n, 64), >= 0; over the pool their mean variance is 1."""
        return in_batches(self.embed, x, self.device).double()

    def embed(self, x: Tensor) -> Tensor:
        """Return the same of images on its device, float32, with a gradient that reaches the images and no weight."""
        activations: Tensor = self.network[:-1](x)
        return activations

    def predict(self, x: Tensor) -> Tensor:
        """Return the likeliest class of each image, int64 (n,), 0 ... ``classes`` - 1."""
        return in_batches(self.network, x, self.device).argmax(1)

    def certainty(self, x: Tensor) -> Tensor:
        """Return the probability of the likeliest class of each image, float64 (n,), in [1 / ``classes``, 1]."""
        return in_batches(self.network, x, self.device).double().softmax(1).amax(1)


def pool_classifier(images: Images, device: torch.device, purpose: str = "classifier") -> Classifier:
    """Return the classifier of a labelled training pool, from the cache or trained now; held-out images play no part.

    Training is seeded and runs on one thread of the CPU whatever the device, so that one machine always gets the same bits;
    another kind of processor may round otherwise. About 5 s for 3,750 images of 28 x 28, 1 s for 8 x 8. What cannot be read
    in the cache is trained again.

    Args:
        images: With labels.
        device: Where the classifier is to work.
        purpose: Names the stream of its first weights and of the order of its training: another purpose, another network.

    Raises:
        ValueError: The images have no labels.
    """
    if images.labels is None:
        raise ValueError("a classifier needs labelled images")
    x, labels = images.splits.train["x"], images.labels
    pool = Samples.real(x=x, labels=labels).fingerprint()[:16]
    path = cached_file("classifiers", f"image-{purpose}-{VERSION}-{images.classes}-{pool}.safetensors")
    network = _cached(path, x, images.classes)
    if network is None:
        network = _train(x, labels, images.classes, purpose)
        write_cached(path, save(network.state_dict()))
    return Classifier(network, images.classes, device)


def _network(x: Tensor, classes: int) -> nn.Sequential:
    _, colours, side, _ = x.shape
    first, second, third = CHANNELS
    grid = min(4, side // 4)  # where in the image a stroke lies matters, and 4 x 4 places are enough whatever its size
    return nn.Sequential(
        nn.Conv2d(colours, first, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(first, second, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(second, third, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(grid),
        nn.Flatten(), nn.Linear(third * grid**2, FEATURES), nn.ReLU(),
        nn.Linear(FEATURES, classes),
    )  # fmt: skip


def _cached(path: Path, x: Tensor, classes: int) -> nn.Sequential | None:
    with torch.device("meta"):  # no first weights are drawn
        network = _network(x, classes)
    try:
        network.load_state_dict(load_file(path), assign=True)
    except (OSError, SafetensorError, RuntimeError):  # absent, torn, or of other layers
        return None
    return network


def _train(x: Tensor, labels: Tensor, classes: int, purpose: str) -> nn.Sequential:
    """Return a network trained on images, float32 (n, C, H, W), and their classes, int64 (n,)."""
    rng = stream("image", purpose)
    batch = min(BATCH, len(x))
    steps = min(max(PASSES * len(x) // batch, FEWEST_STEPS), MOST_STEPS)
    passes = math.ceil(steps * batch / len(x))
    order = torch.cat([torch.randperm(len(x), generator=rng) for _ in range(passes)])[: steps * batch].view(steps, batch)
    with torch.random.fork_rng(devices=[]), one_thread():  # layers draw their first weights from torch's own generator
        torch.manual_seed(integer_seed(rng))
        network = _network(x, classes)
        optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
        for chosen in order:
            optimizer.zero_grad()
            functional.cross_entropy(network(x[chosen]), labels[chosen]).backward()
            optimizer.step()
            schedule.step()
        _scale(network, x)
    return network


@torch.no_grad()
def _scale(network: nn.Sequential, x: Tensor) -> None:
    """Scale the features to a mean variance of 1 over the pool, and the last layer by the inverse: predictions stay the same.

    How long the features of a classifier are depends on how long it was trained. Scaled, one that lost everything is at a Frechet
    distance of about the root of 2 * 64 whatever the data; and the kernel of KID, (x y / 64 + 1)^3, sees the first three moments.
    """
    variance = in_batches(network[:-1], x, torch.device("cpu")).double().var(0).mean()
    scale = float(variance.rsqrt()) if variance > 0 else 1.0
    features, last = cast(nn.Linear, network[-3]), cast(nn.Linear, network[-1])
    features.weight.mul_(scale)
    features.bias.mul_(scale)
    last.weight.div_(scale)
