"""Images as a source holds them, and how their pixels come to the size and the range that models see."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fortifai.errors import UserError
from fortifai.randomness import stream

LEAST_SIDE = 8
SIDE_MULTIPLE = 4
"""Models halve an image twice, so that a side is a multiple of 4, and at least 8."""

RESIZE_BATCH = 1024
"""Images that are resized at a time: as floats all of them at once could need several times the memory of the result."""


@dataclass(frozen=True)
class LabelledImages:
    """All images of a source, and the class of each where there are classes.

    Attributes:
        pixels: (n, C, H, W), C = 1 or 3, H = W, either uint8 in 0 ... 255 or float32 in [0, 1].
        labels: int64 (n,), positions in ``classes``; None where the source has no classes.
        classes: The names of the classes; none where the source has none.
    """

    pixels: Tensor
    labels: Tensor | None = None
    classes: tuple[str, ...] = ()


def to_unit_range(pixels: Tensor) -> Tensor:
    """Return pixels as float32 in [0, 1], whichever of the two forms of `LabelledImages` they have, in the same shape."""
    return pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels


def final_side(side: int, size: int | None, subject: str) -> int:
    """Return the side in pixels that square images are resized to.

    Args:
        side: Their own, in pixels.
        size: The side that is asked for; None: their own.
        subject: What an error begins with: the name of the images.

    Raises:
        UserError: The size would enlarge them (which would add no detail, only smoothness that a model learns), or their own side
            cannot be used.
    """
    if side < LEAST_SIDE:
        raise UserError(f"{subject}: {side} x {side} pixels are too few; at least {LEAST_SIDE} x {LEAST_SIDE} are needed")
    most = side // SIDE_MULTIPLE * SIDE_MULTIPLE
    if size is None and side != most:
        raise UserError(f"{subject}: a side of {side} pixels is not a multiple of {SIDE_MULTIPLE}; set data.size={most}, or less")
    if size is not None and size > side:
        raise UserError(f"{subject}: data.size={size} would enlarge {side} x {side} pixels; set data.size={most}, or less")
    return side if size is None else size


def resize(pixels: Tensor, side: int) -> Tensor:
    """Shrink square images to this side, bilinearly and with antialiasing.

    Args:
        pixels: In one of the two forms of `LabelledImages`, (n, C, H, H).
        side: At most H, in pixels.

    Returns:
        Float32 (n, C, side, side) in [0, 1]; images that have this side already, as they are.
    """
    if pixels.shape[-1] == side:
        return pixels
    batches = pixels.split(RESIZE_BATCH)
    parts = [interpolate(to_unit_range(batch), size=(side, side), mode="bilinear", antialias=True) for batch in batches]
    return torch.cat(parts).clamp(0, 1)


def binarise(pixels: Tensor) -> Tensor:
    """Draw every pixel black or white, once and for all, with its grey value as the probability of white.

    As Salakhutdinov and Murray (2008) made MNIST binary. It keeps every pixel's mean, which a threshold would not; and what it
    draws is noise that a Bernoulli decoder has too, so that a model can match it, while the sharp edges of thresholded images are
    beyond one that draws its pixels independently.

    Args:
        pixels: In one of the two forms of `LabelledImages`, (n, C, H, W). An image's draw depends on its place, not on a split.

    Returns:
        uint8 (n, C, H, W), 0 or 255.
    """
    rng = stream("image", "binary")
    drawn = [torch.rand(batch.shape, generator=rng) < to_unit_range(batch) for batch in pixels.split(RESIZE_BATCH)]
    return 255 * torch.cat(drawn).to(torch.uint8)
