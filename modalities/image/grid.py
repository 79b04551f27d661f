"""Images as one picture that people can look at: a grid, and how high a row of it is."""

from pathlib import Path

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor
from torchvision.utils import make_grid

from fortifai.report.filmstrip import ROW

COLUMNS, ROWS = 16, 4
SHOWN = COLUMNS * ROWS
"""Images that a picture holds at most."""

SIDE = 28
"""Pixels that an image is shown with at least: small ones are magnified, each pixel as a square."""

PADDING = 2
GREY = 0.5
"""Between images, so that black and white ones both have an edge."""


def write_grid(x: Tensor, path: Path) -> None:
    """Write images, float (n, C, H, W) in [0, 1], as a PNG of at most 4 rows of 16."""
    magnified = x[:SHOWN].repeat_interleave(times := max(1, -(-SIDE // x.shape[-1])), dim=-1).repeat_interleave(times, dim=-2)
    grid = make_grid(magnified, nrow=COLUMNS, padding=PADDING, pad_value=GREY)
    pixels = (grid.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    said = PngInfo()
    said.add_text(ROW, str(magnified.shape[-2] + PADDING))
    Image.fromarray(pixels).save(path, pnginfo=said)
