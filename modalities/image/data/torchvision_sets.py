"""Data sets of torchvision, read from files that are already on this machine. Nothing is downloaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fortifai.errors import UserError

from .pixels import Labelled

IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")


@dataclass(frozen=True)
class Stored:
    """A data set by the name of its class in ``torchvision.datasets``, and the files that the class reads, below its root."""

    dataset: str
    folder: str
    files: tuple[str, ...]

    def missing(self, root: str | None) -> str | None:
        """Say why it cannot be read from this root and what to do, or give None. Looks only whether the files are there."""
        fetch = f"from torchvision.datasets import {self.dataset}; {self.dataset}({root or 'FOLDER'!r}, download=True)"
        remedy = f'to fetch it: python -c "{fetch}"'
        if root is None:
            return f"set data.root to the folder that holds {self.folder}/ with {', '.join(self.files)}; {remedy}"
        below = Path(root).expanduser() / self.folder
        absent = [name for name in self.files if not (below / name).is_file()]
        if not absent:
            return None
        packed = [f"{name}.gz" for name in absent if (below / f"{name}.gz").is_file()]
        if packed == [f"{name}.gz" for name in absent]:
            remedy = f"unpack {', '.join(packed)} there"
        return f"{below} lacks {', '.join(absent)}; {remedy}"

    def read(self, root: str) -> Labelled:
        """Read all of its images: its training part, then its test part.

        The parts are joined because a suite draws splits of its own: among all images, no difference between the two parts
        (MNIST's have other writers) is mistaken for a distance of a model from its data, and the pool is larger.
        Raises UserError for files that are not what torchvision expects.
        """
        from torchvision import datasets

        where = Path(root).expanduser()
        try:
            parts = [getattr(datasets, self.dataset)(where, train=train, download=False) for train in (True, False)]
            pixels = torch.cat([_pixels(part.data) for part in parts])
            labels = torch.cat([torch.as_tensor(part.targets, dtype=torch.int64) for part in parts])
        except Exception as error:  # with a broken file it raises whatever its reader of bytes or pickles does
            said = str(error).split(". You can use download=True")[0] or type(error).__name__
            raise UserError(f"{where / self.folder} does not hold {self.dataset} as torchvision expects it: {said}") from error
        classes = tuple(str(name) for name in parts[0].classes)
        if len(labels) != len(pixels):
            raise UserError(f"{where / self.folder} holds {len(pixels)} images of {self.dataset}, but {len(labels)} labels")
        if stray := set(labels.tolist()) - set(range(len(classes))):
            known = f"the {len(classes)} classes of {self.dataset} count from 0"
            raise UserError(f"{where / self.folder} holds an image with the label {min(stray)}, but {known}")
        return Labelled(pixels, labels, classes)


def _pixels(data: Any) -> Tensor:
    """Give torchvision's (n, H, W) or (n, H, W, 3) as (n, C, H, W)."""
    pixels = torch.as_tensor(data)
    return pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2).contiguous()


STORED = {
    "cifar-10": Stored("CIFAR10", "cifar-10-batches-py", BATCHES),
    "fashion-mnist": Stored("FashionMNIST", "FashionMNIST/raw", IDX),
    "mnist": Stored("MNIST", "MNIST/raw", IDX),
}
