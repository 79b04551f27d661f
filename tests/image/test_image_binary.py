"""Black and white images: drawn once, with the grey values as probabilities, the same whatever the split."""

from pathlib import Path

import torch
from image_support import fill, parts

from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.data.pixels import binarise
from fortifai.modalities.image.data.splits import load_images


def test_pixels_are_black_or_white_and_as_bright_as_the_grey_ones_on_average() -> None:
    grey, binary = (torch.cat(parts(load_images(ImageData(source="digits", binary=on)))) for on in (False, True))
    assert set(binary.unique().tolist()) == {0.0, 1.0}
    error = (grey * (1 - grey)).sum((0, 1)).sqrt() / len(grey)  # of the mean of draws with the grey values as probabilities
    assert bool(((binary.mean((0, 1)) - grey.mean((0, 1))).abs() <= 5 * error).all())


def test_what_is_black_or_white_stays_as_it_is_and_a_draw_is_always_the_same() -> None:
    pixels = torch.tensor([0, 255, 128], dtype=torch.uint8).repeat(2000, 1)[:, None, None]
    one, two = binarise(pixels), binarise(pixels)
    assert torch.equal(one[..., :2], pixels[..., :2])
    assert torch.equal(one, two)
    assert torch.equal(one, binarise(pixels.float() / 255))


def test_an_image_is_drawn_alike_whatever_the_split() -> None:
    first, second = (
        {bytes(image.numpy()) for image in torch.cat(parts(load_images(ImageData(source="digits", seed=seed, binary=True))))}
        for seed in (0, 1)
    )
    assert first == second


def test_copies_stay_copies_and_in_one_part(tmp_path: Path) -> None:
    fill(tmp_path, count=50, name="a{:03}.png")
    fill(tmp_path, count=50, name="b{:03}.png")  # the same noise again
    splits = [
        {bytes(image.numpy()) for image in part} for part in parts(load_images(ImageData(source=str(tmp_path), binary=True)))
    ]
    assert sum(map(len, splits)) == len(set.union(*splits)) == 50
