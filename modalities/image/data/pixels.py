"""Images as a source holds them, and how their pixels come to the size and the range that models see."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fortifai.errors import UserError

LEAST_SIDE = 8
STEP = 4
"""Models halve an image twice, so that a side is a multiple of 4, and at least 8."""

BATCH = 1024
"""Images that are resized at a time: as floats all of them at once could need several times the memory of the result."""


@dataclass(frozen=True)
class Labelled:
    """All images of a source, and the class of each where there are classes.

    ``pixels``: (n, C, H, W), C = 1 or 3, H = W, either uint8 in 0 ... 255 or float32 in [0, 1]. ``labels``: int64 (n,), places
    in ``classes``, the names of the classes; None, and no names, where the source has no classes.
    """

    pixels: Tensor
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()


def unit(pixels: Tensor) -> Tensor:
    """Give pixels as float32 in [0, 1], whichever of the two forms of `Labelled` they have."""
    return pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels


def side_for(side: int, size: int | None, whose: str) -> int:
    """Give the side that square images are resized to: ``size`` if set, else their own ``side``, in pixels.

    Raises UserError, which begins with ``whose``, where that enlarges them (it would add no detail, only smoothness that a
    model learns) and where their own side cannot be used.
    """
    if side < LEAST_SIDE:
        raise UserError(f"{whose}: {side} x {side} pixels are too few; at least {LEAST_SIDE} x {LEAST_SIDE} are needed")
    most = side // STEP * STEP
    if size is None and side != most:
        raise UserError(f"{whose}: a side of {side} pixels is not a multiple of {STEP}; set data.size={most}, or less")
    if size is not None and size > side:
        raise UserError(f"{whose}: data.size={size} would enlarge {side} x {side} pixels; set data.size={most}, or less")
    return side if size is None else size


def resized(pixels: Tensor, side: int) -> Tensor:
    """Shrink square images to this side, bilinearly and with antialiasing, as float32 in [0, 1].

    Images that have this side already are given back as they are.
    """
    if pixels.shape[-1] == side:
        return pixels
    parts = [interpolate(unit(part), size=(side, side), mode="bilinear", antialias=True) for part in pixels.split(BATCH)]
    return torch.cat(parts).clamp(0, 1)
