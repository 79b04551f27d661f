"""What is in an image file: palettes, transparency, depths and orientations that are read, and files that are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from image_support import fill, parts, refusal
from PIL import Image
from torch import Tensor

from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.data.splits import load_images


def one_more(folder: Path, image: Image.Image, name: str = "zz.png", mode: str = "L", **how: Any) -> Tensor:
    """Add an image to a folder of others, and give it as it was loaded: the only one of its mean."""
    fill(folder, 50, mode=mode)
    image.save(folder / name, **how)
    everyone = torch.cat(parts(load_images(ImageData(source=str(folder)))))
    others = {bytes(np.array(Image.open(folder / f"{i:03}.png"))) for i in range(50)}
    rows = [bytes((image.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()) for image in everyone]
    (new,) = [image for image, row in zip(everyone, rows, strict=True) if row not in others]
    return new


def halves(left: Any, right: Any, mode: str) -> Image.Image:
    image = Image.new(mode, (8, 8), left)
    image.paste(right, (4, 0, 8, 8))
    return image


def columns(image: Tensor) -> list[list[float]]:
    """The colours of the left and of the right half."""
    assert torch.equal(image, image[:, :1, [0, 0, 0, 0, 7, 7, 7, 7]].expand_as(image))
    return [[round(float(v) * 255) for v in image[:, 0, column]] for column in (0, 7)]


def test_palettes_become_colours(tmp_path: Path) -> None:
    image = halves((255, 0, 0), (0, 0, 255), "RGB").quantize(2)
    assert image.mode == "P"
    assert columns(one_more(tmp_path, image, mode="RGB")) == [[255, 0, 0], [0, 0, 255]]


def test_what_is_transparent_lies_on_white(tmp_path: Path) -> None:
    colour = halves((255, 0, 0, 0), (0, 0, 204, 255), "RGBA")
    assert columns(one_more(tmp_path / "a", colour, mode="RGB")) == [[255, 255, 255], [0, 0, 204]]
    grey = halves((0, 0), (51, 255), "LA")
    assert columns(one_more(tmp_path / "b", grey)) == [[255], [51]]
    one_colour = halves((255, 0, 0), (0, 0, 255), "RGB").quantize(2)
    clear = one_colour.getpixel((0, 0))
    assert columns(one_more(tmp_path / "c", one_colour, mode="RGB", transparency=clear)) == [[255, 255, 255], [0, 0, 255]]


def test_black_and_white_is_grey(tmp_path: Path) -> None:
    assert columns(one_more(tmp_path, halves(0, 1, "1"))) == [[0], [255]]


def test_a_turned_photograph_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    assert columns(one_more(tmp_path, halves(10, 200, "L"), exif=exif)) == [[200], [10]]


@pytest.mark.parametrize("name", ["zz.png", "zz.tif"])
def test_sixteen_bits_keep_their_precision(tmp_path: Path, name: str) -> None:
    image = Image.fromarray(np.full((8, 8), 30_001, dtype=np.uint16))
    assert float(one_more(tmp_path, image, name)[0, 0, 0]) == pytest.approx(30_001 / 65_535, abs=1e-7)


def test_floats_are_taken_as_they_are(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    assert torch.equal(one_more(tmp_path, Image.fromarray(values), "zz.tif")[0], torch.from_numpy(values))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (np.nan, "is NaN"),
        (np.inf, "is inf; floating-point pixels must lie in 0 ... 1"),
        (-0.25, "is -0.25; floating-point pixels must lie in 0 ... 1"),
        (255, "is 255; floating-point pixels must lie in 0 ... 1"),
    ],
)
def test_floats_out_of_range_are_located(tmp_path: Path, value: float, problem: str) -> None:
    values = np.full((8, 8), 0.5, dtype=np.float32)
    values[2, 4] = value
    fill(tmp_path, 50)
    Image.fromarray(values).save(tmp_path / "bad.tiff")
    assert refusal(tmp_path) == f"{tmp_path / 'bad.tiff'}: the pixel in row 3, column 5 {problem}"


def test_images_of_other_colours_are_named(tmp_path: Path) -> None:
    fill(tmp_path, 50)
    Image.new("CMYK", (8, 8)).save(tmp_path / "print.jpg")
    assert refusal(tmp_path) == f"{tmp_path / 'print.jpg'}: its pixels are CMYK; save it as grey or as RGB"
    (tmp_path / "print.jpg").unlink()
    Image.fromarray(np.zeros((8, 8), dtype=np.int32)).save(tmp_path / "counts.tif")
    assert f"{tmp_path / 'counts.tif'}: its pixels are 32-bit integers, whose range is unknown" in refusal(tmp_path)


def test_grey_among_colour_is_named(tmp_path: Path) -> None:
    fill(tmp_path, 50, mode="RGB")
    fill(tmp_path, 1, name="grey.png")
    assert refusal(tmp_path).startswith(f"{tmp_path / 'grey.png'} is grey, but {tmp_path / '000.png'} is colour; save all")


def test_other_sizes_are_named_unless_all_are_resized(tmp_path: Path) -> None:
    fill(tmp_path, 50, side=16)
    fill(tmp_path, 1, side=24, name="large.png")
    message = refusal(tmp_path)
    assert message.startswith(f"{tmp_path / 'large.png'} has 24 x 24 pixels, but {tmp_path / '000.png'} 16 x 16; set data.size")
    assert len(torch.cat(parts(load_images(ImageData(source=str(tmp_path), size=16))))) == 51


@pytest.mark.parametrize("size", [None, 8])
def test_an_image_that_is_not_square_is_named(tmp_path: Path, size: int | None) -> None:
    fill(tmp_path, 50, side=12)
    Image.new("L", (16, 12)).save(tmp_path / "wide.png")
    assert refusal(tmp_path, size=size).startswith(f"{tmp_path / 'wide.png'} is not square: 16 x 12 pixels; crop or pad it")


def test_an_animation_is_named(tmp_path: Path) -> None:
    fill(tmp_path, 50)
    frames = [Image.new("L", (8, 8), value) for value in (0, 90, 180)]
    frames[0].save(tmp_path / "film.tif", save_all=True, append_images=frames[1:])
    assert refusal(tmp_path) == f"{tmp_path / 'film.tif'} has 3 frames; one image a file is needed"


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "webp", "tif"])
@pytest.mark.parametrize("kept", [0, 0.1, 0.7])
def test_a_truncated_image_is_named(tmp_path: Path, ending: str, kept: float) -> None:
    fill(tmp_path, 50, side=32)
    bad = fill(tmp_path, 1, side=32, name=f"bad.{ending}") / f"bad.{ending}"
    bad.write_bytes(bad.read_bytes()[: int(kept * bad.stat().st_size)])
    assert refusal(tmp_path).startswith(f"{bad} cannot be read as an image: ")


def test_a_file_that_only_ends_like_an_image_is_named(tmp_path: Path) -> None:
    fill(tmp_path, 50)
    (tmp_path / "notes.png").write_text("no image")
    assert refusal(tmp_path).startswith(f"{tmp_path / 'notes.png'} cannot be read as an image: ")
