"""Bundled images: their range, their labels, their splits, and the sizes that they are resized to."""

from pathlib import Path

import numpy as np
import pytest
import torch
from image_support import fill, parts, refusal
from PIL import Image
from torch import Tensor

from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.data.pixels import resize
from fortifai.modalities.image.data.splits import Images, load_images


@pytest.fixture(scope="module")
def mnist() -> Images:
    return load_images(ImageData(source="mnist-5k"))


@pytest.fixture(scope="module")
def digits() -> Images:
    return load_images(ImageData(source="digits"))


def everything(images: Images) -> Tensor:
    """All images, in an order that does not depend on the split."""
    rows = torch.cat(parts(images)).flatten(1)
    return rows[np.lexsort(rows.T.numpy())]


def test_a_string_stands_for_the_source() -> None:
    assert ImageData.model_validate("digits") == ImageData(source="digits")


@pytest.mark.parametrize(("name", "count", "side", "steps"), [("mnist-5k", 5000, 28, 255), ("digits", 1797, 8, 16)])
def test_bundled_images_fill_the_unit_range(name: str, count: int, side: int, steps: int, request: pytest.FixtureRequest) -> None:
    images: Images = request.getfixturevalue(name.removesuffix("-5k"))
    assert sum(map(len, parts(images))) == count
    for part in parts(images):
        assert part.dtype == torch.float32
        assert part.shape[1:] == (1, side, side)
        assert (float(part.min()), float(part.max())) == (0, 1)
        torch.testing.assert_close(part * steps, (part * steps).round(), atol=1e-4, rtol=0)
    assert images.classes == 10
    assert images.labels is not None
    assert images.labels.dtype == torch.int64
    assert images.labels.shape == (len(parts(images)[0]),)


def test_labels_stay_with_their_images(digits: Images) -> None:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    known = dict(zip(map(tuple, pixels.tolist()), labels.tolist(), strict=True))
    drawn = (parts(digits)[0] * 16).flatten(1).tolist()
    assert digits.labels is not None
    assert [known[tuple(image)] for image in drawn] == digits.labels.tolist()


def test_every_class_has_the_same_share_of_every_part(mnist: Images) -> None:
    assert mnist.labels is not None
    assert torch.bincount(mnist.labels).tolist() == [375] * 10
    assert [len(part) for part in parts(mnist)] == [3750, 500, 750]


@pytest.mark.parametrize("name", ["mnist", "digits"])
def test_no_image_is_in_two_parts(name: str, request: pytest.FixtureRequest) -> None:
    images = [set(map(bytes, part.flatten(1).numpy())) for part in parts(request.getfixturevalue(name))]
    assert len(set.union(*images)) == sum(map(len, images)) == sum(map(len, parts(request.getfixturevalue(name))))


def test_the_split_is_a_function_of_the_seed(digits: Images) -> None:
    again, other = load_images(ImageData(source="digits")), load_images(ImageData(source="digits", seed=1))
    assert digits.splits.data_hash() == again.splits.data_hash() != other.splits.data_hash()
    assert digits.labels is not None
    assert again.labels is not None
    assert torch.equal(digits.labels, again.labels)
    assert torch.equal(everything(digits), everything(other))


def test_shares_and_limits_of_what_is_held_out_are_as_asked() -> None:
    wide = load_images(ImageData(source="digits", validation=0.2, test=0.3))
    assert [len(part) for part in parts(wide)] == [1797 - 359 - 539, 359, 539]
    narrow = load_images(ImageData(source="digits", validation=0.2, test=0.3, most_held_out=40))
    assert [len(part) for part in parts(narrow)] == [1797 - 80, 40, 40]
    assert "data.most_held_out=9 is less than the 10 classes of digits" in refusal("digits", most_held_out=9)


def test_resizing_agrees_with_pillow() -> None:
    images = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    ours = resize(images, 12)
    for image, small in zip(images, ours, strict=True):
        pillow = Image.fromarray(image[0].numpy()).resize((12, 12), Image.Resampling.BILINEAR)
        torch.testing.assert_close(small[0], torch.from_numpy(np.array(pillow)), atol=1e-5, rtol=0)


def test_resizing_averages_instead_of_skipping_pixels() -> None:
    board = (torch.arange(32)[:, None] + torch.arange(32)) % 2
    small = resize((board * 255).to(torch.uint8).expand(2, 3, 32, 32), 8)
    assert small.dtype == torch.float32
    torch.testing.assert_close(small, torch.full((2, 3, 8, 8), 0.5), atol=0.02, rtol=0)


def test_white_stays_within_the_range() -> None:
    # The weights of the filter add up to a little more than 1 for this pair of sizes, by rounding.
    assert float(resize(torch.ones(1, 1, 14, 14), 12).max()) == 1


def test_resizing_in_batches_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.rand(7, 3, 16, 16)
    whole = resize(images, 8)
    monkeypatch.setattr("fortifai.modalities.image.data.pixels.RESIZE_BATCH", 3)
    assert torch.equal(whole, resize(images, 8))


def test_size_is_taken_and_stays_in_range(mnist: Images) -> None:
    small = load_images(ImageData(source="mnist-5k", size=16))
    assert parts(small)[0].shape == (3750, 1, 16, 16)
    assert 0 <= float(parts(small)[0].min()) < float(parts(small)[0].max()) <= 1
    assert small.labels is not None
    assert mnist.labels is not None
    assert torch.equal(small.labels, mnist.labels)  # the same images, held out alike


def test_the_own_size_may_be_named(digits: Images) -> None:
    assert load_images(ImageData(source="digits", size=8)).splits.data_hash() == digits.splits.data_hash()


def test_enlarging_is_refused(tmp_path: Path) -> None:
    assert "digits: data.size=28 would enlarge 8 x 8 pixels; set data.size=8, or less" in refusal("digits", size=28)
    fill(tmp_path, side=20)
    fill(tmp_path, 1, side=10, name="tiny.png")
    assert f"{tmp_path / 'tiny.png'}: data.size=16 would enlarge 10 x 10 pixels; set data.size=8" in refusal(tmp_path, size=16)


def test_a_size_that_models_cannot_halve_twice_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, side=30)
    assert "a side of 30 pixels is not a multiple of 4; set data.size=28, or less" in refusal(tmp_path)
    assert parts(load_images(ImageData(source=str(tmp_path), size=28)))[0].shape[1:] == (1, 28, 28)
    fill(tmp_path, side=6)
    assert "6 x 6 pixels are too few; at least 8 x 8 are needed" in refusal(tmp_path)
    assert "6 x 6 pixels are too few" in refusal(tmp_path, size=8)
