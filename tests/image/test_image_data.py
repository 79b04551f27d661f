"""Images: bundled, stored by torchvision and of a user's folder; how they are split; and what is said of bad ones."""

import hashlib
import os
import pickle
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from image_support import idx, write_mnist
from PIL import Image
from torch import Tensor

from fortifai.errors import UserError
from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.data.pixels import resized
from fortifai.modalities.image.data.sources import NAMES, needs
from fortifai.modalities.image.data.splits import Images, load
from fortifai.modalities.image.data.splitting import first_copies, split
from fortifai.modalities.image.data.torchvision_sets import STORED


def parts(images: Images) -> list[Tensor]:
    return [part["x"] for part in (images.splits.train, images.splits.validation, images.splits.test)]


def everything(images: Images) -> Tensor:
    """All images, in an order that does not depend on the split."""
    rows = torch.cat(parts(images)).flatten(1)
    return rows[np.lexsort(rows.T.numpy())]


def refused(source: str | Path, **settings: Any) -> str:
    with pytest.raises(UserError) as caught:
        load(ImageData(source=str(source), **settings))
    return str(caught.value)


@pytest.fixture(scope="module")
def mnist() -> Images:
    return load(ImageData(source="mnist-5k"))


@pytest.fixture(scope="module")
def digits() -> Images:
    return load(ImageData(source="digits"))


def fill(folder: Path, count: int = 60, side: int = 8, mode: str = "L", name: str = "{:03}.png", seed: int = 0) -> Path:
    """Write noise images."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        file = folder / name.format(i)
        file.parent.mkdir(parents=True, exist_ok=True)
        shape = (side, side) if mode == "L" else (side, side, len(mode))
        Image.fromarray(rng.integers(256, size=shape, dtype=np.uint8)).save(file)
    return folder


# ---- bundled


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
    again, other = load(ImageData(source="digits")), load(ImageData(source="digits", seed=1))
    assert digits.splits.data_hash() == again.splits.data_hash() != other.splits.data_hash()
    assert digits.labels is not None
    assert again.labels is not None
    assert torch.equal(digits.labels, again.labels)
    assert torch.equal(everything(digits), everything(other))


def test_shares_and_limits_of_what_is_held_out_are_as_asked() -> None:
    wide = load(ImageData(source="digits", validation=0.2, test=0.3))
    assert [len(part) for part in parts(wide)] == [1797 - 359 - 539, 359, 539]
    narrow = load(ImageData(source="digits", validation=0.2, test=0.3, most_held_out=40))
    assert [len(part) for part in parts(narrow)] == [1797 - 80, 40, 40]
    assert "data.most_held_out=9 is less than the 10 classes of digits" in refused("digits", most_held_out=9)


# ---- splitting


@st.composite
def populations(draw: st.DrawFn) -> tuple[list[int], ImageData]:
    classes = draw(st.integers(1, 6))
    labels = [label for label in range(classes) for _ in range(draw(st.integers(8, 60)))]
    shares = st.floats(0.05, 0.3)
    limit = draw(st.integers(classes, 60))
    data = ImageData(validation=draw(shares), test=draw(shares), most_held_out=limit, seed=draw(st.integers(0, 5)))
    return draw(st.permutations(labels)), data


def names(labels: list[int]) -> list[str]:
    return [f"class {label}" for label in range(max(labels) + 1)]


@settings(max_examples=60, deadline=None)
@given(populations())
def test_a_split_keeps_proportions(population: tuple[list[int], ImageData]) -> None:
    labels, data = population
    found = split(torch.tensor(labels), names(labels), range(len(labels)), data)
    assert sorted(torch.cat(found).tolist()) == list(range(len(labels)))
    sizes = Counter(labels)
    for part, share in ((found[1], data.validation), (found[2], data.test)):
        total = max(len(sizes), min(round(share * len(labels)), data.most_held_out))
        assert len(part) == total
        held = Counter(labels[i] for i in part.tolist())
        for label, size in sizes.items():
            fair = total * size / len(labels)
            assert held[label] >= 1
            assert held[label] < fair + 1
            # A class may only be short of its share by more than one where others had to be given their one.
            assert held[label] > fair - 1 or any(held[other] > total * sizes[other] / len(labels) for other in sizes)


@settings(max_examples=60, deadline=None)
@given(populations(), st.data())
def test_copies_of_an_image_are_never_on_both_sides(population: tuple[list[int], ImageData], draws: st.DataObject) -> None:
    labels, data = population
    # Copies with the same and with different labels; three images of each class have none, so that each part can have one.
    free = [i for i, label in enumerate(labels) if labels[:i].count(label) >= 3]
    copies = list(range(len(labels)))
    for a, b in draws.draw(st.lists(st.tuples(st.sampled_from(free), st.sampled_from(free)), min_size=1, max_size=len(free))):
        copies = [copies[a] if group == copies[b] else group for group in copies]
    found = split(torch.tensor(labels), names(labels), copies, data)
    assert sorted(torch.cat(found).tolist()) == list(range(len(labels)))
    assert sum(len({copies[i] for i in part.tolist()}) for part in found) == len(set(copies))
    assert all(set(labels) == {labels[i] for i in part.tolist()} for part in found)
    assert max(len(part) for part in found[1:]) <= data.most_held_out


def test_every_part_is_shuffled() -> None:
    for part in split(torch.zeros(80, dtype=torch.int64), [""], range(80), ImageData()):
        assert part.tolist() != sorted(part.tolist())


@pytest.mark.parametrize("seed", range(5))
def test_the_few_that_differ_are_dealt_to_both_held_out_parts(seed: int) -> None:
    copies = [0] * 28 + [28, 29]
    pool, validation, test = split(torch.zeros(30, dtype=torch.int64), [""], copies, ImageData(seed=seed))
    assert sorted(pool.tolist()) == list(range(28))
    assert sorted([*validation.tolist(), *test.tolist()]) == [28, 29]
    assert len(validation) == 1


def test_copies_are_found_by_their_pixels() -> None:
    pixels = torch.rand(5, 1, 8, 8)
    pixels[3] = pixels[1]
    pixels[4, 0, 7, 7] = 0.5
    assert first_copies(pixels) == [0, 1, 2, 1, 4]
    # A transposed view is compared by its pixels too, not by how it lies in memory.
    assert first_copies(pixels.transpose(2, 3)) == [0, 1, 2, 1, 4]
    assert first_copies((pixels * 255).to(torch.uint8)) == [0, 1, 2, 1, 4]


@pytest.mark.parametrize("size", [None, 8])
def test_copies_in_a_folder_stay_together(tmp_path: Path, size: int | None) -> None:
    fill(tmp_path, 40, side=12)
    fill(tmp_path, 40, side=12, name="copy-{}.png")
    images = [set(map(bytes, part.flatten(1).numpy())) for part in parts(load(ImageData(source=str(tmp_path), size=size)))]
    assert len(set.union(*images)) == sum(map(len, images)) == 40


def test_a_class_too_small_for_three_parts_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "many", 60)
    fill(tmp_path / "few", 2, seed=1)
    assert "class 'few' has 2 images, 2 of them different: too few to have one in the pool" in refused(tmp_path)
    fill(tmp_path / "few", 3, seed=1)
    load(ImageData(source=str(tmp_path)))
    for i in range(3, 30):
        (tmp_path / "few" / f"{i}.png").write_bytes((tmp_path / "few" / "000.png").read_bytes())
    (tmp_path / "few" / "002.png").write_bytes((tmp_path / "few" / "001.png").read_bytes())
    assert "class 'few' has 30 images, 2 of them different: too few" in refused(tmp_path)


def test_a_folder_of_one_image_repeated_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    for i in range(1, 60):
        (tmp_path / f"{i}.png").write_bytes((tmp_path / "000.png").read_bytes())
    assert f"{tmp_path} has 60 images, 1 of them different: too few" in refused(tmp_path)


# ---- size


def test_resizing_agrees_with_pillow() -> None:
    images = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    ours = resized(images, 12)
    for image, small in zip(images, ours, strict=True):
        theirs = Image.fromarray(image[0].numpy()).resize((12, 12), Image.Resampling.BILINEAR)
        torch.testing.assert_close(small[0], torch.from_numpy(np.array(theirs)), atol=1e-5, rtol=0)


def test_resizing_averages_instead_of_skipping_pixels() -> None:
    board = (torch.arange(32)[:, None] + torch.arange(32)) % 2
    small = resized((board * 255).to(torch.uint8).expand(2, 3, 32, 32), 8)
    assert small.dtype == torch.float32
    torch.testing.assert_close(small, torch.full((2, 3, 8, 8), 0.5), atol=0.02, rtol=0)


def test_white_stays_within_the_range() -> None:
    # The weights of the filter add up to a little more than 1 for this pair of sizes, by rounding.
    assert float(resized(torch.ones(1, 1, 14, 14), 12).max()) == 1


def test_resizing_in_batches_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.rand(7, 3, 16, 16)
    whole = resized(images, 8)
    monkeypatch.setattr("fortifai.modalities.image.data.pixels.BATCH", 3)
    assert torch.equal(whole, resized(images, 8))


def test_size_is_taken_and_stays_in_range(mnist: Images) -> None:
    small = load(ImageData(source="mnist-5k", size=16))
    assert parts(small)[0].shape == (3750, 1, 16, 16)
    assert 0 <= float(parts(small)[0].min()) < float(parts(small)[0].max()) <= 1
    assert small.labels is not None
    assert mnist.labels is not None
    assert torch.equal(small.labels, mnist.labels)  # the same images, held out alike


def test_the_own_size_may_be_named(digits: Images) -> None:
    assert load(ImageData(source="digits", size=8)).splits.data_hash() == digits.splits.data_hash()


def test_enlarging_is_refused(tmp_path: Path) -> None:
    assert "digits: data.size=28 would enlarge 8 x 8 pixels; set data.size=8, or less" in refused("digits", size=28)
    fill(tmp_path, side=20)
    fill(tmp_path, 1, side=10, name="tiny.png")
    assert f"{tmp_path / 'tiny.png'}: data.size=16 would enlarge 10 x 10 pixels; set data.size=8" in refused(tmp_path, size=16)


def test_a_size_that_models_cannot_halve_twice_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, side=30)
    assert "a side of 30 pixels is not a multiple of 4; set data.size=28, or less" in refused(tmp_path)
    assert parts(load(ImageData(source=str(tmp_path), size=28)))[0].shape[1:] == (1, 28, 28)
    fill(tmp_path, side=6)
    assert "6 x 6 pixels are too few; at least 8 x 8 are needed" in refused(tmp_path)
    assert "6 x 6 pixels are too few" in refused(tmp_path, size=8)


# ---- a folder


def test_a_folder_without_classes_is_read_below_too(tmp_path: Path) -> None:
    fill(tmp_path, 30)
    fill(tmp_path / "more" / "still more", 30, seed=1)
    images = load(ImageData(source=str(tmp_path)))
    assert sum(map(len, parts(images))) == 60
    assert images.labels is None
    assert images.classes == 0
    fill(tmp_path / "others", 30, seed=2)
    assert load(ImageData(source=str(tmp_path))).labels is None  # some images still lie in no sub-folder


def test_one_sub_folder_is_no_class(tmp_path: Path) -> None:
    fill(tmp_path / "all")
    assert load(ImageData(source=str(tmp_path))).labels is None


def test_sub_folders_are_classes_in_alphabetical_order(tmp_path: Path) -> None:
    for name, value in (("zebra", 200), ("ant/black", 10), ("ant/red", 20), ("moth", 100)):
        (tmp_path / name).mkdir(parents=True)
        for i in range(40):
            Image.fromarray(np.full((8, 8), value + i, dtype=np.uint8)).save(tmp_path / name / f"{i}.png")
    (tmp_path / "empty").mkdir()
    images = load(ImageData(source=str(tmp_path)))
    assert images.classes == 3
    assert images.labels is not None
    first = (parts(images)[0][:, 0, 0, 0] * 255).round()
    assert torch.equal(images.labels, (first >= 100).long() + (first >= 200).long())
    held = Counter(((parts(images)[2][:, 0, 0, 0] * 255).round() // 100).tolist())
    assert held == {0: 12, 1: 6, 2: 6}


def test_the_order_of_writing_does_not_matter(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(256, size=(60, 8, 8), dtype=np.uint8)
    for folder, order in (("a", range(60)), ("b", reversed(range(60)))):
        (tmp_path / folder).mkdir()
        for i in order:
            Image.fromarray(pictures[i]).save(tmp_path / folder / f"{i}.png")
    a, b = (load(ImageData(source=str(tmp_path / folder))) for folder in "ab")
    assert a.splits.data_hash() == b.splits.data_hash()


def test_hidden_files_are_passed_over_and_links_followed(tmp_path: Path) -> None:
    fill(tmp_path / "images" / "one", 30)
    fill(tmp_path / "elsewhere", 30, seed=1)
    (tmp_path / "images" / "two").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "images" / "one" / "._000.png").write_bytes(b"what macOS leaves in archives")
    fill(tmp_path / "images" / ".thumbnails", 3, seed=2)
    (tmp_path / "images" / "readme.txt").write_text("noise")
    images = load(ImageData(source=str(tmp_path / "images")))
    assert images.classes == 2
    assert sum(map(len, parts(images))) == 60


@pytest.mark.parametrize("ending", ["png", "PNG", "jpg", "jpeg", "bmp", "webp", "tif", "tiff"])
def test_every_kind_of_file_is_read(tmp_path: Path, ending: str) -> None:
    fill(tmp_path, 50, mode="RGB", name=f"{{}}.{ending}")
    images = load(ImageData(source=str(tmp_path)))
    assert parts(images)[0].shape[1:] == (3, 8, 8)
    if ending.lower() in ("png", "bmp", "tif", "tiff"):  # what loses nothing
        first = np.random.default_rng(0).integers(256, size=(8, 8, 3), dtype=np.uint8)
        wanted = torch.from_numpy(first).permute(2, 0, 1) / 255
        assert any(torch.equal(image, wanted) for image in torch.cat(parts(images)))


def test_a_missing_folder_names_the_nearest_data_set(tmp_path: Path) -> None:
    said = refused("fashion-mnst")
    assert said.startswith("'fashion-mnst' is no folder of images, nor the name of a data set; did you mean 'fashion-mnist'")
    assert f"data sets by name: {', '.join(NAMES)}" in refused(tmp_path / "nowhere")
    (tmp_path / "images.zip").write_bytes(b"")
    assert "images.zip' is a file, not a folder of images" in refused(tmp_path / "images.zip")


def test_too_few_images_are_counted(tmp_path: Path) -> None:
    assert f"{tmp_path} holds no images (.bmp, .jpeg, .jpg, .png, .tif, .tiff, .webp); at least 50 are needed" in refused(
        tmp_path
    )
    fill(tmp_path, 49)
    assert f"{tmp_path} holds 49 images" in refused(tmp_path)
    fill(tmp_path, 50)
    assert [len(part) for part in parts(load(ImageData(source=str(tmp_path))))] == [37, 5, 8]


def test_an_unreadable_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "a")
    fill(tmp_path / "b")
    scan = os.scandir

    def guarded(path: str) -> Any:  # what mode 000 does to all but root
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert refused(tmp_path) == f"{tmp_path / 'b'} cannot be read: Permission denied"


# ---- what is in a file


def one_more(folder: Path, image: Image.Image, name: str = "zz.png", mode: str = "L", **how: Any) -> Tensor:
    """Add an image to a folder of others, and give it as it was loaded: the only one of its mean."""
    fill(folder, 50, mode=mode)
    image.save(folder / name, **how)
    everyone = torch.cat(parts(load(ImageData(source=str(folder)))))
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
    ("value", "said"),
    [
        (np.nan, "is NaN"),
        (np.inf, "is inf; floating-point pixels must lie in 0 ... 1"),
        (-0.25, "is -0.25; floating-point pixels must lie in 0 ... 1"),
        (255, "is 255; floating-point pixels must lie in 0 ... 1"),
    ],
)
def test_floats_out_of_range_are_located(tmp_path: Path, value: float, said: str) -> None:
    values = np.full((8, 8), 0.5, dtype=np.float32)
    values[2, 4] = value
    fill(tmp_path, 50)
    Image.fromarray(values).save(tmp_path / "bad.tiff")
    assert refused(tmp_path) == f"{tmp_path / 'bad.tiff'}: the pixel in row 3, column 5 {said}"


def test_images_of_other_colours_are_named(tmp_path: Path) -> None:
    fill(tmp_path, 50)
    Image.new("CMYK", (8, 8)).save(tmp_path / "print.jpg")
    assert refused(tmp_path) == f"{tmp_path / 'print.jpg'}: its pixels are CMYK; save it as grey or as RGB"
    (tmp_path / "print.jpg").unlink()
    Image.fromarray(np.zeros((8, 8), dtype=np.int32)).save(tmp_path / "counts.tif")
    assert f"{tmp_path / 'counts.tif'}: its pixels are 32-bit integers, whose range is unknown" in refused(tmp_path)


def test_grey_among_colour_is_named(tmp_path: Path) -> None:
    fill(tmp_path, 50, mode="RGB")
    fill(tmp_path, 1, name="grey.png")
    assert refused(tmp_path).startswith(f"{tmp_path / 'grey.png'} is grey, but {tmp_path / '000.png'} is colour; save all")


def test_other_sizes_are_named_unless_all_are_resized(tmp_path: Path) -> None:
    fill(tmp_path, 50, side=16)
    fill(tmp_path, 1, side=24, name="large.png")
    said = refused(tmp_path)
    assert said.startswith(f"{tmp_path / 'large.png'} has 24 x 24 pixels, but {tmp_path / '000.png'} 16 x 16; set data.size")
    assert len(torch.cat(parts(load(ImageData(source=str(tmp_path), size=16))))) == 51


@pytest.mark.parametrize("size", [None, 8])
def test_an_image_that_is_not_square_is_named(tmp_path: Path, size: int | None) -> None:
    fill(tmp_path, 50, side=12)
    Image.new("L", (16, 12)).save(tmp_path / "wide.png")
    assert refused(tmp_path, size=size).startswith(f"{tmp_path / 'wide.png'} is not square: 16 x 12 pixels; crop or pad it")


def test_an_animation_is_named(tmp_path: Path) -> None:
    fill(tmp_path, 50)
    frames = [Image.new("L", (8, 8), value) for value in (0, 90, 180)]
    frames[0].save(tmp_path / "film.tif", save_all=True, append_images=frames[1:])
    assert refused(tmp_path) == f"{tmp_path / 'film.tif'} has 3 frames; one image a file is needed"


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "webp", "tif"])
@pytest.mark.parametrize("kept", [0, 0.1, 0.7])
def test_a_truncated_image_is_named(tmp_path: Path, ending: str, kept: float) -> None:
    fill(tmp_path, 50, side=32)
    bad = fill(tmp_path, 1, side=32, name=f"bad.{ending}") / f"bad.{ending}"
    bad.write_bytes(bad.read_bytes()[: int(kept * bad.stat().st_size)])
    assert refused(tmp_path).startswith(f"{bad} cannot be read as an image: ")


def test_a_file_that_only_ends_like_an_image_is_named(tmp_path: Path) -> None:
    fill(tmp_path, 50)
    (tmp_path / "notes.png").write_text("no image")
    assert refused(tmp_path).startswith(f"{tmp_path / 'notes.png'} cannot be read as an image: ")


# ---- torchvision, in its own formats, with few images


def write_cifar(root: Path, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """Write files like those of CIFAR-10, and have torchvision take their checksums for the right ones."""
    from torchvision.datasets import CIFAR10

    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(60, 3, 32, 32), dtype=np.uint8)
    images[:, :, 0, 0] = np.arange(60)[:, None] % 10
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    sums = []
    for i, name in enumerate([*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]):
        rows = images[10 * i : 10 * i + 10]
        content = pickle.dumps({"data": rows.reshape(10, -1), "labels": rows[:, 0, 0, 0].tolist()})
        (folder / name).write_bytes(content)
        sums.append([name, hashlib.md5(content).hexdigest()])
    meta = pickle.dumps({"label_names": [f"kind {k}" for k in range(10)]})
    (folder / "batches.meta").write_bytes(meta)
    monkeypatch.setattr(CIFAR10, "train_list", sums[:5])
    monkeypatch.setattr(CIFAR10, "test_list", sums[5:])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": hashlib.md5(meta).hexdigest()})
    return torch.from_numpy(images) / 255


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def sums_of(images: Tensor) -> Tensor:
    return images.flatten(1).double().sum(1).sort().values


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")])
def test_both_parts_of_mnist_are_read(tmp_path: Path, name: str, folder: str) -> None:
    written = write_mnist(tmp_path, folder)
    data = ImageData(source=name, root=str(tmp_path))
    assert [need.missing for need in needs(data)] == [None]
    images = load(data)
    torch.testing.assert_close(sums_of(torch.cat(parts(images))), sums_of(written))
    assert images.classes == 10
    assert images.labels is not None
    assert torch.equal(images.labels, (parts(images)[0][:, 0, 0, 0] * 255).round().long())
    assert all(len((part[:, 0, 0, 0] * 255).round().unique()) == 10 for part in parts(images))


@pytest.mark.usefixtures("offline")
def test_both_parts_of_cifar_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = write_cifar(tmp_path, monkeypatch)
    images = load(ImageData(source="cifar-10", root=str(tmp_path)))
    assert parts(images)[0].shape[1:] == (3, 32, 32)
    loaded = {bytes(image.numpy()) for image in torch.cat(parts(images))}
    assert loaded == {bytes(image.numpy()) for image in written}
    assert images.labels is not None
    assert torch.equal(images.labels, (parts(images)[0][:, 0, 0, 0] * 255).round().long())


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar-10"])
def test_without_a_root_it_is_said_what_is_needed(name: str) -> None:
    said = refused(name)
    assert said.startswith(f"the files of {name}, as torchvision keeps them: set data.root to the folder that holds ")
    assert f"{STORED[name].folder}/ with {STORED[name].files[0]}" in said
    assert "download=True" in said
    (need,) = needs(ImageData(source=name))
    assert need.missing is not None
    assert not needs(ImageData(source="digits"))


def test_missing_files_are_named(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    said = refused("mnist", root=str(tmp_path))
    assert f"{raw} lacks train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-" in said
    assert f"""to fetch it: python -c "from torchvision.datasets import MNIST; MNIST({str(tmp_path)!r}, download=True)""" in said
    write_mnist(tmp_path)
    (raw / "t10k-labels-idx1-ubyte").rename(raw / "t10k-labels-idx1-ubyte.gz")
    assert f"{raw} lacks t10k-labels-idx1-ubyte; unpack t10k-labels-idx1-ubyte.gz there" in refused("mnist", root=str(tmp_path))


def test_the_files_are_those_that_torchvision_reads() -> None:
    from torchvision import datasets

    for name in ("mnist", "fashion-mnist"):
        stored = STORED[name]
        wanted = [file.removesuffix(".gz") for file, _ in getattr(datasets, stored.dataset).resources]
        assert sorted(stored.files) == sorted(wanted)
        assert stored.folder == f"{stored.dataset}/raw"
    cifar = datasets.CIFAR10
    assert list(STORED["cifar-10"].files) == [file for file, _ in cifar.train_list + cifar.test_list] + [cifar.meta["filename"]]
    assert STORED["cifar-10"].folder == cifar.base_folder


def test_a_damaged_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar(tmp_path, monkeypatch)
    with (tmp_path / "cifar-10-batches-py" / "data_batch_3").open("ab") as file:
        file.write(b"!")
    said = refused("cifar-10", root=str(tmp_path))
    assert said.endswith("cifar-10-batches-py does not hold CIFAR10 as torchvision expects it: Dataset not found or corrupted")
    write_mnist(tmp_path)
    images = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    whole = images.read_bytes()
    for content in (b"", b"no idx file at all", whole[:10], whole[:-10]):
        images.write_bytes(content)
        assert f"{images.parent} does not hold MNIST as torchvision expects it: " in refused("mnist", root=str(tmp_path))


def test_labels_that_do_not_fit_the_images_are_refused(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    labels = tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    labels.write_bytes(idx(np.arange(59) % 10))
    assert "holds 80 images of MNIST, but 79 labels" in refused("mnist", root=str(tmp_path))
    labels.write_bytes(idx(np.arange(60) % 11))
    assert "holds an image with the label 10, but the 10 classes of MNIST count from 0" in refused("mnist", root=str(tmp_path))
    labels.write_bytes(idx(np.arange(60) % 9))
    assert "class '9 - nine' has 2 images, 2 of them different: too few" in refused("mnist", root=str(tmp_path))


def test_too_few_stored_images_are_counted(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    for kind, values in (("images-idx3", np.zeros((20, 28, 28))), ("labels-idx1", np.arange(20) % 10)):
        (tmp_path / "MNIST" / "raw" / f"train-{kind}-ubyte").write_bytes(idx(values))
    assert "mnist holds 40 images; at least 50 are needed" in refused("mnist", root=str(tmp_path))


# ---- settings


def test_a_string_stands_for_the_source() -> None:
    assert ImageData.model_validate("digits") == ImageData(source="digits")
