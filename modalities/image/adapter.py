"""What the image adapters share: data, the features that images are compared by, and pictures."""

from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

import torch

from fortifai.config import Sampling
from fortifai.contract.modality import Modality
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError
from fortifai.needs import Need
from fortifai.randomness import stream

from .config import ImageData
from .data import sources
from .data import splits as images
from .features.classifier import Classifier, trained
from .features.extractor import Extractor, build
from .grid import SHOWN, write_grid

M = TypeVar("M")


class ImageAdapter(Modality[M], Generic[M]):
    """Images. Samples hold one tensor, ``x``: float32 (n, C, H, W), pixels in [0, 1]. An element is a pixel of a channel.

    The configuration has a ``device``. Models are kept on the CPU between calls.
    """

    _loaded: tuple[ImageData, images.Images] | None = None

    def needs(self, data: ImageData) -> list[Need]:
        """List the files of a data set that comes with no package, and whether they are there."""
        return sources.needs(data)

    def load(self, data: ImageData) -> Splits:
        """Load bundled images, a data set of torchvision or a folder; see `ImageData`. Raises UserError."""
        self._loaded = data, images.load(data)
        self.__dict__.pop("classifier", None)  # of other data
        self.__dict__.pop("extractor", None)
        return self._loaded[1].splits

    def check(self, n: int, splits: Splits) -> None:
        """Refuse an absent device, and an n of less than 2 or beyond the pool."""
        self.device()
        if n < 2:
            raise UserError(f"n = {n}: at least 2 images are needed")
        if n > len(splits.train):
            raise UserError(f"n = {n} real images are asked for, and the training pool has {len(splits.train)}: lower n")

    @cached_property
    def classifier(self) -> Classifier | None:
        """The classifier trained on the pool of the data that was loaded; None where the images have no classes."""
        found = self._data()[1]
        return None if found.labels is None else trained(found, self.device())

    @cached_property
    def extractor(self) -> Extractor:
        """What turns images into the features that they are compared by."""
        data, found = self._data()
        return build(data, found, self.classifier, self.device())

    def examples(self, model: M, samples: Samples, sampling: Sampling) -> Samples:
        """Draw from noise that is the same in every generation: what stands at one place differs by the model alone."""
        return self.sample(model, samples.take(slice(SHOWN)), sampling, stream("image", "examples"))

    def show(self, samples: Samples, stem: Path) -> None:
        """Write the first 64 as a grid, a PNG."""
        write_grid(samples["x"], stem.with_suffix(".png"))

    def device(self) -> torch.device:
        """Give the device that the configuration names. Raises UserError when it is not there."""
        name, found = self.config.device, torch.cuda.is_available()
        if name.startswith("cuda") and not found:
            raise UserError(f"device {name!r} is not available on this machine; use auto or cpu")
        return torch.device(name if name != "auto" else "cuda" if found else "cpu")

    def _data(self) -> tuple[ImageData, images.Images]:
        if self._loaded is None:
            raise RuntimeError("load the data first: the features are made for it")
        return self._loaded
