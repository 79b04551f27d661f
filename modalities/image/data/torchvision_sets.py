"""Data sets of torchvision, read from files that are already on this machine. Nothing is downloaded."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fortifai.errors import UserError
from fortifai.needs import Need
from fortifai.sanitise import user_path

from .pixels import LabelledImages

IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
CIFAR_FILES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")


@dataclass(frozen=True)
class TorchvisionSet:
    """A data set of torchvision, and the files that it consists of.

    Attributes:
        name: What suites call it.
        dataset: The name of its class in ``torchvision.datasets``.
        folder: Where its files lie, below the root.
        files: Those that the class reads.
    """

    name: str
    dataset: str
    folder: str
    files: tuple[str, ...]

    def need(self, root: str | None) -> Need:
        """Return its files, and which of them are missing below this root and how to get them. Reads none of them."""
        return Need(f"the files of {self.name}, as torchvision keeps them", self._missing(root))

    def read(self, root: str | None) -> LabelledImages:
        """Read all of its images: its training part, then its test part.

        The parts are joined because a suite draws splits of its own: among all images, no difference between the two parts
        (MNIST's have other writers) is mistaken for a distance of a model from its data, and the pool is larger.

        Raises:
            UserError: Files are missing or not what torchvision expects.
        """
        need = self.need(root)
        if root is None or need.missing is not None:
            raise UserError(str(need))
        from torchvision import datasets

        path = user_path(root)
        folder = path / self.folder
        try:
            parts = [getattr(datasets, self.dataset)(path, train=train, download=False) for train in (True, False)]
            pixels = torch.cat([_channels_first(part.data) for part in parts])
            labels = torch.cat([torch.as_tensor(part.targets, dtype=torch.int64) for part in parts])
        except Exception as error:  # with a broken file it raises whatever its reader of bytes or pickles does
            reason = str(error).split(". You can use download=True")[0] or type(error).__name__
            raise UserError(f"{folder} does not hold {self.dataset} as torchvision expects it: {reason}") from error
        classes = tuple(str(name) for name in parts[0].classes)
        if len(labels) != len(pixels):
            raise UserError(f"{folder} holds {len(pixels)} images of {self.dataset}, but {len(labels)} labels")
        if stray := set(labels.tolist()) - set(range(len(classes))):
            known = f"the {len(classes)} classes of {self.dataset} count from 0"
            raise UserError(f"{folder} holds an image with the label {min(stray)}, but {known}")
        return LabelledImages(pixels, labels, classes)

    def _missing(self, root: str | None) -> str | None:
        fetch = f"from torchvision.datasets import {self.dataset}; {self.dataset}({root or 'FOLDER'!r}, download=True)"
        remedy = f'to fetch it: python -c "{fetch}"'
        if root is None:
            return f"set data.root to the folder that holds {self.folder}/ with {', '.join(self.files)}; {remedy}"
        folder = user_path(root) / self.folder
        absent = [name for name in self.files if not (folder / name).is_file()]
        if not absent:
            return None
        packed = [f"{name}.gz" for name in absent if (folder / f"{name}.gz").is_file()]
        if packed == [f"{name}.gz" for name in absent]:
            remedy = f"unpack {', '.join(packed)} there"
        return f"{folder} lacks {', '.join(absent)}; {remedy}"


def _channels_first(data: Tensor | NDArray[np.uint8]) -> Tensor:
    """Return torchvision's images, uint8 (n, H, W) or (n, H, W, 3), as (n, C, H, W)."""
    pixels = torch.as_tensor(data)
    return pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2).contiguous()


TORCHVISION_SETS = {
    each.name: each
    for each in (
        TorchvisionSet("cifar-10", "CIFAR10", "cifar-10-batches-py", CIFAR_FILES),
        TorchvisionSet("fashion-mnist", "FashionMNIST", "FashionMNIST/raw", IDX_FILES),
        TorchvisionSet("mnist", "MNIST", "MNIST/raw", IDX_FILES),
    )
}
"""What reads each data set of torchvision, by name."""
