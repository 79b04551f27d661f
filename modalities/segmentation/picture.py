"""Scenes for people to look at: each beside what is said of its pixels, a colour a class."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import torch
from torch import Tensor

from ..image.grid import write_grid
from .descriptions import CLASSES, UNLABELLED

COLUMNS, ROWS = 6, 3
SHOWN = COLUMNS * ROWS
"""Most scenes in a picture."""

LEAST_SIDE = 48
"""Fewest pixels of a side that a scene is shown with: smaller ones are magnified, each pixel as a square."""

GREY = 0.5
"""Of pixels that are unlabelled."""


def palette() -> Tensor:
    """Return the colour of every label, float32 (256, 3) in [0, 1]: the ground is black, and what is unlabelled grey."""
    colours = torch.zeros(256, 3)
    colours[1:CLASSES] = torch.tensor(matplotlib.color_sequences["tab10"])
    colours[UNLABELLED] = GREY
    return colours


def write_scenes(x: Tensor, labellings: Sequence[Tensor], path: Path) -> None:
    """Write at most 18 scenes as a PNG, six a row, each with its labellings to its right.

    Args:
        x: Scenes, float32 (n, 1, S, S) in [0, 1].
        labellings: What is said of their pixels, uint8 (n, S, S) each: the truth, and what a model gave.
        path: The file.
    """
    colours = palette()
    coloured = [colours[labels[:SHOWN].long()].permute(0, 3, 1, 2) for labels in labellings]
    panels = torch.cat([x[:SHOWN].expand(-1, 3, -1, -1), *coloured], dim=-1)
    times = max(1, -(-LEAST_SIDE // x.shape[-1]))
    write_grid(panels.repeat_interleave(times, dim=-1).repeat_interleave(times, dim=-2), path, columns=COLUMNS)
