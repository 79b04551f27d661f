"""Differentiable augmentation (DiffAugment; Zhao et al., 2020, arXiv 2006.10738): what discriminators see of an image.

It is applied to real and generated images alike, in the generator's steps too, so that the generator learns images and not
augmented ones; and gradients flow through it. B images of a batch, C colours, S pixels a side.
"""

from collections.abc import Collection

import torch
from torch import Tensor

NUMBERS = 7
"""Numbers that decide what becomes of an image: brightness, saturation, contrast, and two places each of shift and cut."""

SHIFT = 0.125
"""Share of the side by which an image is moved at most, and..."""

CUT = 0.5
"""...that of the side of the square that is cut out of it; both as the authors have them."""


def augment(x: Tensor, policy: Collection[str], noise: Tensor) -> Tensor:
    """Return augmented images, (B, C, S, S), of which every image is changed by its own numbers alone.

    What is moved in, or cut out, is black. The authors' images lie in [-1, 1], so that theirs is grey.

    Args:
        x: Images, (B, C, S, S) in [0, 1].
        policy: Of ``color`` (brightness, saturation, contrast), ``translation`` and ``cutout``; none: images stay.
        noise: Uniform in [0, 1), (B, 7).
    """
    shape = (-1, 1, 1, 1)
    brightness, saturation, contrast, *places = noise.to(x).unbind(1)
    if "color" in policy:
        x = x + 0.5 * (brightness - 0.5).view(shape)  # theirs is up to 0.5 either way, on a range of 2
        grey = x.mean(1, keepdim=True)
        x = grey + 2 * saturation.view(shape) * (x - grey)
        level = x.mean((1, 2, 3), keepdim=True)
        x = level + (0.5 + contrast).view(shape) * (x - level)
    if "translation" in policy:
        x = _moved(x, places[0], places[1])
    if "cutout" in policy:
        x = x * _kept(x, places[2], places[3])
    return x


def _moved(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    side = x.shape[-1]
    most = int(SHIFT * side + 0.5)
    # Row r of the result is row r - shift of the image; whatever lies outside is the frame of zeros, at both ends.
    framed = torch.nn.functional.pad(x, (1, 1, 1, 1))
    index = torch.arange(side, device=x.device)
    rows, columns = (
        ((index - ((2 * most + 1) * share).long()[:, None] + most) + 1).clamp(0, side + 1) for share in (down, right)
    )  # each (B, S)
    image = torch.arange(len(x), device=x.device)[:, None, None]
    return framed.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _kept(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Return 0 within each image's square and 1 elsewhere, (B, 1, S, S)."""
    side = x.shape[-1]
    cut = int(CUT * side + 0.5)
    index = torch.arange(side, device=x.device)
    within = []
    for share in (down, right):
        begin = ((side + 1 - cut % 2) * share).long()[:, None] - cut // 2  # its middle may lie at the image's edge
        within.append((index >= begin) & (index < begin + cut))
    return (~(within[0][:, :, None] & within[1][:, None, :])).to(x).unsqueeze(1)
