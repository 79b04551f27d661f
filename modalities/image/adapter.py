"""What the image adapters share: data, the features that images are compared by, and pictures."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Generic

import torch
from torch import Tensor, nn
from typing_extensions import TypeVar  # typing's own has no defaults before Python 3.13

from fortifai.config import Sampling
from fortifai.contract.modality import Modality
from fortifai.contract.samples import Samples
from fortifai.device import device_of
from fortifai.errors import UserError
from fortifai.needs import Need
from fortifai.randomness import stream

from .config import ImageData, ImageModelConfig
from .data import sources
from .data.splits import load_images
from .features.classifier import Classifier, pool_classifier
from .features.extractor import Extractor, Judge, make_extractor
from .grid import SHOWN, write_grid

JUDGES = ("classifier", "imagenet")
"""Frozen networks that generated images can be judged by."""

JUDGED_SIDE = 32
"""Pixels of a side that the network trained on ImageNet judges images at: a quarter of the time of those it compares by."""

ConfigT = TypeVar("ConfigT", bound=ImageModelConfig, default=ImageModelConfig)
SamplingT = TypeVar("SamplingT", bound=Sampling, default=Sampling)
ModelT = TypeVar("ModelT", default=object)


class ImageAdapter(Modality[ConfigT, ImageData, SamplingT, ModelT], Generic[ConfigT, SamplingT, ModelT]):
    """A kind of model of images, bound to the images that it is trained on and compared with.

    Samples hold one tensor, ``x``: float32 (n, C, H, W), pixels in [0, 1]. An element is a pixel of a channel. Models are kept on
    the CPU between calls.
    """

    def __init__(self, config: ConfigT, data: ImageData) -> None:
        """Load bundled images, a data set of torchvision or a folder; see `ImageData`.

        Raises:
            UserError: Images are missing or unusable, with the file at fault.
        """
        self.data = data
        self.images = load_images(data)
        super().__init__(config, self.images.splits)

    @classmethod
    def needs(cls, config: ConfigT, data: ImageData) -> list[Need]:
        """Return the files of a data set that comes with no package, and which of them are missing."""
        return sources.needs(data)

    def check(self, n: int) -> None:
        """Raise UserError for an absent device, and for an n of less than 2 or beyond the training pool."""
        device_of(self.config.device)
        if n < 2:
            raise UserError(f"n = {n}: at least 2 images are needed")
        pool = len(self.splits.train)
        if n > pool:
            raise UserError(f"n = {n} real images are asked for, and the training pool has {pool}: lower n")

    @cached_property
    def classifier(self) -> Classifier | None:
        """The classifier of the training pool; None where the images have no classes."""
        return None if self.images.labels is None else pool_classifier(self.images, device_of(self.config.device))

    @cached_property
    def extractor(self) -> Extractor:
        """What turns images into the features that they are compared by."""
        return make_extractor(self.data, self.images, self.classifier, device_of(self.config.device))

    @cached_property
    def judging_classifier(self) -> Judge | None:
        """Another classifier of the training pool, from other first weights; None where the images have no classes.

        What is trained against it is then not measured by it.
        """
        return None if self.images.labels is None else pool_classifier(self.images, device_of(self.config.device), "judge")

    @cached_property
    def judging_imagenet(self) -> Judge:
        """The network trained on ImageNet. Raises UserError where its packages are not installed."""
        from .features.imagenet import ImageNet

        return ImageNet(device_of(self.config.device), JUDGED_SIDE)

    def judge(self, name: str) -> Judge:
        """Return a frozen network that has seen nothing but real images.

        Args:
            name: ``classifier``, of the training pool, or ``imagenet``.

        Raises:
            UserError: There is none of this name, the images have no classes, or something is not installed.
        """
        if name == "imagenet":
            return self.judging_imagenet
        if name != "classifier":
            raise UserError(f"there is no judge {name!r} of images (known: {', '.join(JUDGES)})")
        if self.judging_classifier is None:
            raise UserError(f"judge 'classifier' needs labels, and {self.data.source!r} has none; use 'imagenet'")
        return self.judging_classifier

    def verify(self, samples: Samples) -> Tensor:
        """Return how sure the classifier of the real pool is of each image's class, float64 (n,).

        Raises:
            UserError: The images have no classes.
        """
        if self.classifier is None:
            raise UserError("these images have no classes, so that there is no classifier to verify by")
        return self.classifier.certainty(samples["x"])

    def examples(self, model: ModelT, samples: Samples, sampling: SamplingT) -> Mapping[str, Tensor]:
        """Draw at most 64 images from the same noise in every generation: those at one place differ by the model alone."""
        return self.sample(model, samples.take(slice(SHOWN)), sampling, stream("image", "examples"))

    def show(self, data: Mapping[str, Tensor], stem: Path) -> None:
        """Write the first 64 images, float32 (n, C, H, W) in [0, 1], as a grid, a PNG."""
        write_grid(data["x"], stem.with_suffix(".png"))


@contextmanager
def on_device(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Move a network to a device within the block, and back to the CPU, where it is kept between calls."""
    network.to(device)
    try:
        yield
    finally:
        network.cpu()
