"""From images to the three splits: resized, stratified by class, pixels in [0, 1]."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fortifai.contract.samples import Samples, Splits

from ..config import ImageData
from .pixels import resized, side_for, unit
from .sources import read
from .splitting import first_copies, split


@dataclass(frozen=True)
class Images:
    """Real images. Samples hold one tensor, ``x``: float32 (n, C, H, W) in [0, 1], C = 1 or 3, H = W.

    ``labels``: the class of each image of the training pool, int64 (n,), 0 ... ``classes`` - 1; None where the source has none.
    """

    splits: Splits
    labels: Tensor | None
    classes: int = 0


def load(data: ImageData) -> Images:
    """Load and split the images that ``data`` names: the same settings and content, the same splits.

    Every class has the same share of the pool and of each held-out part, and no held-out image has an exact copy in the
    pool. Raises UserError for images that are missing or unusable, with the file at fault.
    """
    found = read(data)
    pixels = resized(found.pixels, side_for(found.pixels.shape[-1], data.size, data.source))
    labels = torch.zeros(len(pixels), dtype=torch.int64) if found.labels is None else found.labels
    places = split(labels, found.classes or ("",), first_copies(pixels), data)
    pool, validation, test = (Samples.real(x=unit(pixels[part])) for part in places)
    return Images(Splits(pool, validation, test), None if found.labels is None else labels[places[0]], len(found.classes))
