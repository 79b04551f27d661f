"""A filmstrip: what the generations of a chain made, one below the other, put together from the pictures that show each."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from fortifai.files import new_files
from fortifai.records.layout import FILMSTRIP, REAL_EXAMPLE

if TYPE_CHECKING:
    from PIL.Image import Image

ROW = "fortifai:row"
"""The text in a PNG that says how many pixels high its first row of samples is; without it the whole picture is one row."""

MARGIN = 36
"""Pixels on the left, for the number of a generation."""

GAP = 2
"""Pixels between generations."""


def compose(folder: Path) -> None:
    """Write ``filmstrip.png``: real data above, then generations down, samples across.

    Made of the first rows of ``real.png`` and of every ``generation-NN.png`` of the folder; where there is none, nothing is
    written.
    """
    frames = [(int(found[1]), path) for path in folder.glob("generation-*.png") if (found := re.search(r"(\d+)$", path.stem))]
    if not frames:
        return
    from PIL import Image, ImageDraw

    real = folder / f"{REAL_EXAMPLE}.png"
    rows = [("real", _first_row(real))] if real.exists() else []
    rows += [(str(generation), _first_row(path)) for generation, path in sorted(frames)]
    width = MARGIN + max(row.width for _, row in rows)
    strip = Image.new("RGB", (width, sum(row.height + GAP for _, row in rows) - GAP), "white")
    pen, top = ImageDraw.Draw(strip), 0
    for label, row in rows:
        strip.paste(row, (MARGIN, top))
        pen.text((MARGIN - 6, top + row.height // 2), label, fill="black", anchor="rm")
        top += row.height + GAP
    with new_files(folder) as made:
        strip.save(made / f"{FILMSTRIP}.png")


def _first_row(path: Path) -> "Image":
    """Give the upper part of a picture, as high as it says."""
    from PIL import Image

    with Image.open(path) as picture:
        height = int(picture.info.get(ROW, picture.height))
        return picture.convert("RGB").crop((0, 0, picture.width, height))
