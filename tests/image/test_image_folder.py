"""A user's folder of images: which files are read, what the classes are, and which folders are refused."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from image_support import fill, parts, refusal
from PIL import Image

from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.data.sources import NAMES
from fortifai.modalities.image.data.splits import load_images


def test_a_folder_without_classes_is_read_below_too(tmp_path: Path) -> None:
    fill(tmp_path, 30)
    fill(tmp_path / "more" / "still more", 30, seed=1)
    images = load_images(ImageData(source=str(tmp_path)))
    assert sum(map(len, parts(images))) == 60
    assert images.labels is None
    assert images.classes == 0
    fill(tmp_path / "others", 30, seed=2)
    assert load_images(ImageData(source=str(tmp_path))).labels is None  # some images still lie in no sub-folder


def test_one_sub_folder_is_no_class(tmp_path: Path) -> None:
    fill(tmp_path / "all")
    assert load_images(ImageData(source=str(tmp_path))).labels is None


def test_sub_folders_are_classes_in_alphabetical_order(tmp_path: Path) -> None:
    for name, value in (("zebra", 200), ("ant/black", 10), ("ant/red", 20), ("moth", 100)):
        (tmp_path / name).mkdir(parents=True)
        for i in range(40):
            Image.fromarray(np.full((8, 8), value + i, dtype=np.uint8)).save(tmp_path / name / f"{i}.png")
    (tmp_path / "empty").mkdir()
    images = load_images(ImageData(source=str(tmp_path)))
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
    a, b = (load_images(ImageData(source=str(tmp_path / folder))) for folder in "ab")
    assert a.splits.data_hash() == b.splits.data_hash()


def test_hidden_files_are_passed_over_and_links_followed(tmp_path: Path) -> None:
    fill(tmp_path / "images" / "one", 30)
    fill(tmp_path / "elsewhere", 30, seed=1)
    (tmp_path / "images" / "two").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "images" / "one" / "._000.png").write_bytes(b"what macOS leaves in archives")
    fill(tmp_path / "images" / ".thumbnails", 3, seed=2)
    (tmp_path / "images" / "readme.txt").write_text("noise")
    images = load_images(ImageData(source=str(tmp_path / "images")))
    assert images.classes == 2
    assert sum(map(len, parts(images))) == 60


@pytest.mark.parametrize("ending", ["png", "PNG", "jpg", "jpeg", "bmp", "webp", "tif", "tiff"])
def test_every_kind_of_file_is_read(tmp_path: Path, ending: str) -> None:
    fill(tmp_path, 50, mode="RGB", name=f"{{}}.{ending}")
    images = load_images(ImageData(source=str(tmp_path)))
    assert parts(images)[0].shape[1:] == (3, 8, 8)
    if ending.lower() in ("png", "bmp", "tif", "tiff"):  # what loses nothing
        first = np.random.default_rng(0).integers(256, size=(8, 8, 3), dtype=np.uint8)
        wanted = torch.from_numpy(first).permute(2, 0, 1) / 255
        assert any(torch.equal(image, wanted) for image in torch.cat(parts(images)))


def test_a_missing_folder_names_the_nearest_data_set(tmp_path: Path) -> None:
    assert refusal("fashion-mnst").startswith(
        "'fashion-mnst' is neither a folder of images nor the name of a data set; did you mean 'fashion-mnist'"
    )
    assert f"data sets by name: {', '.join(NAMES)}" in refusal(tmp_path / "nowhere")
    (tmp_path / "images.zip").write_bytes(b"")
    assert "images.zip' is a file, not a folder of images" in refusal(tmp_path / "images.zip")


def test_too_few_images_are_counted(tmp_path: Path) -> None:
    assert f"{tmp_path} holds no images (.bmp, .jpeg, .jpg, .png, .tif, .tiff, .webp); at least 50 are needed" in refusal(
        tmp_path
    )
    fill(tmp_path, 49)
    assert f"{tmp_path} holds 49 images" in refusal(tmp_path)
    fill(tmp_path, 50)
    assert [len(part) for part in parts(load_images(ImageData(source=str(tmp_path))))] == [37, 5, 8]


def test_an_unreadable_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "a")
    fill(tmp_path / "b")
    scan = os.scandir

    def guarded(path: str) -> Any:  # what mode 000 does to all but root
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert refusal(tmp_path) == f"{tmp_path / 'b'} cannot be read: Permission denied"
