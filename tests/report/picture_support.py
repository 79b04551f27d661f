"""Pictures of samples, small enough to see through."""

from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fortifai.records.layout import FIRST_ROW_KEY
from fortifai.report.filmstrip import GAP, MARGIN

ROW_HEIGHT, WIDTH = 10, 40


def picture(path: Path, level: int, row: object = ROW_HEIGHT) -> Path:
    """Write two rows of samples: the first one all of this level, the second one white.

    ``row``: what the picture says that the height of its first row is; None leaves it out.
    """
    pixels = np.full((2 * ROW_HEIGHT, WIDTH), 255, np.uint8)
    pixels[:ROW_HEIGHT] = level
    info = PngInfo()
    if row is not None:
        info.add_text(FIRST_ROW_KEY, str(row))
    Image.fromarray(pixels).save(path, pnginfo=info)
    return path


def levels(strip: Path) -> list[int]:
    """Return the level in the middle of each row of a filmstrip, right of the numbers."""
    with Image.open(strip) as image:
        pixels = np.asarray(image.convert("L"))
    assert pixels.shape[1] == MARGIN + WIDTH
    rows = (pixels.shape[0] + GAP) // (ROW_HEIGHT + GAP)
    assert pixels.shape[0] == rows * (ROW_HEIGHT + GAP) - GAP
    return [int(pixels[row * (ROW_HEIGHT + GAP) + ROW_HEIGHT // 2, MARGIN + WIDTH // 2]) for row in range(rows)]
