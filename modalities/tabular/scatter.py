"""Tables for people to look at: scatters of neighbouring columns, the same part of the plane in every generation."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

PANELS = 4
"""Most pairs of columns in a picture."""

SHOWN = 300
"""Most rows of a table in a picture."""

SIDE, GAP, DOT = 120, 4, 2
"""Pixels: of a panel's side, between panels, and of a dot's side."""

MARGIN = 0.15
"""What is shown beyond the smallest and the largest real value, as a share of the range; a dot beyond that is on the edge."""

WHITE, EDGE, REAL, MADE = (255, 255, 255), (213, 213, 208), (200, 200, 200), (0, 114, 178)


def write_scatter(x: Tensor, real: Tensor, path: Path) -> None:
    """Write a PNG with a panel for columns 1 and 2, one for 2 and 3, and so on: rows of a table, over real ones in grey.

    Args:
        x: The table, (n, D), D >= 2, on the CPU; rows beyond the 300th are left out, and so are columns beyond the fifth.
        real: Real rows, (m, D), which decide what part of the plane is shown.
        path: The file.
    """
    low, high = real.numpy().min(axis=0), real.numpy().max(axis=0)
    margin = MARGIN * (high - low)
    places = [
        np.clip(np.nan_to_num((table[:SHOWN].numpy() - low + margin) / (high - low + 2 * margin)), 0, 1) for table in (real, x)
    ]
    panels = min(PANELS, x.shape[1] - 1)
    pixels = np.full((SIDE, panels * (SIDE + GAP) - GAP, 3), WHITE, np.uint8)
    for panel in range(panels):
        part = pixels[:, panel * (SIDE + GAP) :][:, :SIDE]
        part[[0, -1]] = part[:, [0, -1]] = EDGE
        for place, colour in zip(places, (REAL, MADE), strict=True):
            _dots(part, place[:, panel], place[:, panel + 1], colour)
    Image.fromarray(pixels).save(path)


def _dots(panel: NDArray[np.uint8], x: NDArray[np.float64], y: NDArray[np.float64], colour: tuple[int, int, int]) -> None:
    """Draw dots at places in [0, 1], from the left and from below, (n,) each."""
    left, top = (np.rint(place * (SIDE - DOT)).astype(int) for place in (x, 1 - y))
    for right in range(DOT):
        for down in range(DOT):
            panel[top + down, left + right] = colour
