"""Images as one picture for people to look at: a grid, which records how high a row of it is."""

from pathlib import Path

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor
from torchvision.utils import make_grid

from fortifai.records.layout import FIRST_ROW_KEY

COLUMNS, ROWS = 16, 4
SHOWN = COLUMNS * ROWS
"""Most images in a picture."""

LEAST_SIDE = 28
"""Fewest pixels of a side that an image is shown with: smaller ones are magnified, each pixel as a square."""

PADDING = 2
GREY = 0.5
"""Between images, so that black and white ones both have a visible edge."""


def write_grid(x: Tensor, path: Path, columns: int = COLUMNS) -> None:
    """Write images as a PNG of at most 64, in rows of 16.

    Args:
        x: Float (n, C, H, W) in [0, 1], n >= 1, on the CPU; those beyond the 64th are left out.
        path: The file.
        columns: Images a row, where they are others than 16.
    """
    times = max(1, -(-LEAST_SIDE // x.shape[-1]))
    magnified = x[:SHOWN].repeat_interleave(times, dim=-1).repeat_interleave(times, dim=-2)
    grid = make_grid(magnified, nrow=columns, padding=PADDING, pad_value=GREY)
    pixels = (grid.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    text = PngInfo()
    text.add_text(FIRST_ROW_KEY, str(magnified.shape[-2] + PADDING))
    Image.fromarray(pixels).save(path, pnginfo=text)
