"""Labelled images, split as they are for models of images, each with its class."""

import torch

from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError

from ..image.config import ImageData
from ..image.data.pixels import binarise, final_side, resize, to_unit_range
from ..image.data.sources import read_images
from ..image.data.splitting import first_copies, split


def load_labelled(data: ImageData) -> tuple[Splits, int]:
    """Return the splits, and the number of classes.

    Args:
        data: Which images, how large, and how they are split.

    Returns:
        Samples of two tensors, ``x``: float32 (n, C, S, S) in [0, 1], and ``y``: int64 (n,), the class.

    Raises:
        UserError: Images are missing, unusable or without classes.
    """
    source = read_images(data)
    if source.labels is None or len(source.classes) < 2:
        raise UserError(f"data.source = {data.source!r} has no classes, and a classifier needs at least two")
    pixels = resize(source.pixels, final_side(source.pixels.shape[-1], data.size, data.source))
    pixels = binarise(pixels) if data.binary else pixels
    parts = split(source.labels, source.classes, first_copies(pixels), data)
    pool, validation, test = (
        Samples.real(x=to_unit_range(pixels[part]), y=source.labels[part].to(torch.int64)) for part in parts
    )
    return Splits(pool, validation, test), len(source.classes)
