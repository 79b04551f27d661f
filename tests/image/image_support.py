"""Folders of images, files like those of data sets that do not come with a package, and what is loaded from both."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from fortifai.errors import UserError
from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.data.splits import Images, load_images


def parts(images: Images) -> list[Tensor]:
    """The images of the pool, of validation and of test."""
    return [part["x"] for part in (images.splits.train, images.splits.validation, images.splits.test)]


def refusal(source: str | Path, **settings: Any) -> str:
    """The message with which images are refused."""
    with pytest.raises(UserError) as caught:
        load_images(ImageData(source=str(source), **settings))
    return str(caught.value)


def fill(folder: Path, count: int = 60, side: int = 8, mode: str = "L", name: str = "{:03}.png", seed: int = 0) -> Path:
    """Write noise images."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        file = folder / name.format(i)
        file.parent.mkdir(parents=True, exist_ok=True)
        shape = (side, side) if mode == "L" else (side, side, len(mode))
        Image.fromarray(rng.integers(256, size=shape, dtype=np.uint8)).save(file)
    return folder


def idx(values: np.ndarray) -> bytes:
    """The format of MNIST's files: a magic number with the number of dimensions, the sizes, the bytes."""
    return bytes([0, 0, 8, values.ndim]) + np.array(values.shape, dtype=">i4").tobytes() + values.astype(np.uint8).tobytes()


def write_mnist(root: Path, folder: str = "MNIST") -> Tensor:
    """Write 80 images of noise as MNIST's files, the first of its bytes the class, and return them, (80, 1, 28, 28) in [0, 1]."""
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(80, 28, 28), dtype=np.uint8)
    images[:, 0, 0] = np.arange(80) % 10  # the class of an image can be read from its corner
    raw = root / folder / "raw"
    raw.mkdir(parents=True)
    for part, rows in (("train", slice(0, 60)), ("t10k", slice(60, 80))):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(idx(images[rows]))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx(images[rows, 0, 0]))
    return torch.from_numpy(images)[:, None] / 255
