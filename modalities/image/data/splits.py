"""From images to the three splits: resized, stratified by class, pixels in [0, 1]."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fortifai.contract.samples import Samples, Splits

from ..config import ImageData
from .pixels import binarise, final_side, resize, to_unit_range
from .sources import read_images
from .splitting import first_copies, split


@dataclass(frozen=True)
class Images:
    """Real images, split.

    Attributes:
        splits: Samples of one tensor, ``x``: float32 (n, C, H, W) in [0, 1], C = 1 or 3, H = W.
        labels: The class of each image of the training pool, int64 (n,), 0 ... ``classes`` - 1; None where the source has none.
        classes: How many classes there are; 0 where the source has none.
    """

    splits: Splits
    labels: Tensor | None
    classes: int = 0


def load_images(data: ImageData) -> Images:
    """Load and split the images that ``data`` names: the same settings and content, the same splits.

    Every class has the same share of the pool and of each held-out part, and no held-out image has an exact copy in the pool.

    Raises:
        UserError: Images are missing or unusable, with the file at fault.
    """
    source = read_images(data)
    pixels = resize(source.pixels, final_side(source.pixels.shape[-1], data.size, data.source))
    if data.binary:
        pixels = binarise(pixels)[first_copies(pixels)]  # copies stay copies, so that they go to one part
    labels = torch.zeros(len(pixels), dtype=torch.int64) if source.labels is None else source.labels
    parts = split(labels, source.classes or ("",), first_copies(pixels), data)
    pool, validation, test = (Samples.real(x=to_unit_range(pixels[part])) for part in parts)
    pool_labels = None if source.labels is None else labels[parts[0]]
    return Images(Splits(pool, validation, test), pool_labels, len(source.classes))
