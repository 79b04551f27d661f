"""Files like those of data sets that do not come with a package."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def idx(values: np.ndarray) -> bytes:
    """The format of MNIST's files: a magic number with the number of dimensions, the sizes, the bytes."""
    return bytes([0, 0, 8, values.ndim]) + np.array(values.shape, dtype=">i4").tobytes() + values.astype(np.uint8).tobytes()


def write_mnist(root: Path, folder: str = "MNIST") -> Tensor:
    """Write 80 images of noise as MNIST's files, the first of its bytes the class, and give them, (80, 1, 28, 28) in [0, 1]."""
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(80, 28, 28), dtype=np.uint8)
    images[:, 0, 0] = np.arange(80) % 10  # the class of an image can be read from its corner
    raw = root / folder / "raw"
    raw.mkdir(parents=True)
    for part, rows in (("train", slice(0, 60)), ("t10k", slice(60, 80))):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(idx(images[rows]))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx(images[rows, 0, 0]))
    return torch.from_numpy(images)[:, None] / 255
