"""A filmstrip puts the pictures of a chain's generations below one another."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fortifai.report.filmstrip import GAP, MARGIN, ROW, compose

ROW_HEIGHT, WIDTH = 10, 40


def picture(path: Path, level: int, says_its_row: bool = True) -> None:
    """Two rows of samples: the first one all of this level, the second one white."""
    pixels = np.full((2 * ROW_HEIGHT, WIDTH), 255, np.uint8)
    pixels[:ROW_HEIGHT] = level
    info = PngInfo()
    if says_its_row:
        info.add_text(ROW, str(ROW_HEIGHT))
    Image.fromarray(pixels).save(path, pnginfo=info)


def levels(folder: Path) -> list[int]:
    """The level in the middle of each row of the strip, right of the numbers."""
    with Image.open(folder / "filmstrip.png") as strip:
        pixels = np.asarray(strip.convert("L"))
    assert pixels.shape[1] == MARGIN + WIDTH
    rows = (pixels.shape[0] + GAP) // (ROW_HEIGHT + GAP)
    assert pixels.shape[0] == rows * (ROW_HEIGHT + GAP) - GAP
    return [int(pixels[row * (ROW_HEIGHT + GAP) + ROW_HEIGHT // 2, MARGIN + WIDTH // 2]) for row in range(rows)]


def test_the_first_row_of_every_generation_in_order_below_real_data(tmp_path):
    for generation in (0, 1, 2, 10, 99, 100):
        picture(tmp_path / f"generation-{generation:02d}.png", generation)
    picture(tmp_path / "real.png", 200)
    compose(tmp_path)
    assert levels(tmp_path) == [200, 0, 1, 2, 10, 99, 100]
    picture(tmp_path / "generation-03.png", 3)
    compose(tmp_path)
    assert levels(tmp_path) == [200, 0, 1, 2, 3, 10, 99, 100]
    assert not list(tmp_path.parent.glob(".*.tmp"))


def test_a_picture_that_does_not_say_how_high_its_rows_are_is_one_row(tmp_path):
    picture(tmp_path / "generation-00.png", 50, says_its_row=False)
    compose(tmp_path)
    with Image.open(tmp_path / "filmstrip.png") as strip:
        assert strip.size == (MARGIN + WIDTH, 2 * ROW_HEIGHT)


@pytest.mark.parametrize("name", ["generation-00.txt", "real.png", None])
def test_without_pictures_of_generations_there_is_none(tmp_path, name):
    if name:
        picture(tmp_path / "real.png", 1)
        (tmp_path / "generation-00.txt").write_text("In the beginning")
    compose(tmp_path)
    assert not (tmp_path / "filmstrip.png").exists()
