"""Data sets of torchvision, in their own formats, with few images: what is read, and what is missing or damaged."""

import hashlib
import pickle
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from image_support import idx, parts, refusal, write_mnist
from torch import Tensor

from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.data.sources import needs
from fortifai.modalities.image.data.splits import load_images
from fortifai.modalities.image.data.torchvision_sets import TORCHVISION_SETS


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
    images = load_images(data)
    torch.testing.assert_close(sums_of(torch.cat(parts(images))), sums_of(written))
    assert images.classes == 10
    assert images.labels is not None
    assert torch.equal(images.labels, (parts(images)[0][:, 0, 0, 0] * 255).round().long())
    assert all(len((part[:, 0, 0, 0] * 255).round().unique()) == 10 for part in parts(images))


@pytest.mark.usefixtures("offline")
def test_both_parts_of_cifar_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = write_cifar(tmp_path, monkeypatch)
    images = load_images(ImageData(source="cifar-10", root=str(tmp_path)))
    assert parts(images)[0].shape[1:] == (3, 32, 32)
    loaded = {bytes(image.numpy()) for image in torch.cat(parts(images))}
    assert loaded == {bytes(image.numpy()) for image in written}
    assert images.labels is not None
    assert torch.equal(images.labels, (parts(images)[0][:, 0, 0, 0] * 255).round().long())


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar-10"])
def test_without_a_root_the_files_that_are_needed_are_named(name: str) -> None:
    message = refusal(name)
    assert message.startswith(f"the files of {name}, as torchvision keeps them: set data.root to the folder that holds ")
    assert f"{TORCHVISION_SETS[name].folder}/ with {TORCHVISION_SETS[name].files[0]}" in message
    assert "download=True" in message
    (need,) = needs(ImageData(source=name))
    assert need.missing is not None
    assert not needs(ImageData(source="digits"))


def test_missing_files_are_named(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    message = refusal("mnist", root=str(tmp_path))
    assert f"{raw} lacks train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-" in message
    fetch = f"from torchvision.datasets import MNIST; MNIST({str(tmp_path)!r}, download=True)"
    assert f'to fetch it: python -c "{fetch}"' in message
    write_mnist(tmp_path)
    (raw / "t10k-labels-idx1-ubyte").rename(raw / "t10k-labels-idx1-ubyte.gz")
    assert f"{raw} lacks t10k-labels-idx1-ubyte; unpack t10k-labels-idx1-ubyte.gz there" in refusal("mnist", root=str(tmp_path))


def test_the_files_are_those_that_torchvision_reads() -> None:
    from torchvision import datasets

    for name in ("mnist", "fashion-mnist"):
        known = TORCHVISION_SETS[name]
        wanted = [file.removesuffix(".gz") for file, _ in getattr(datasets, known.dataset).resources]
        assert sorted(known.files) == sorted(wanted)
        assert known.folder == f"{known.dataset}/raw"
    cifar = datasets.CIFAR10
    read = [file for file, _ in cifar.train_list + cifar.test_list] + [cifar.meta["filename"]]
    assert list(TORCHVISION_SETS["cifar-10"].files) == read
    assert TORCHVISION_SETS["cifar-10"].folder == cifar.base_folder


def test_a_damaged_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar(tmp_path, monkeypatch)
    with (tmp_path / "cifar-10-batches-py" / "data_batch_3").open("ab") as file:
        file.write(b"!")
    message = refusal("cifar-10", root=str(tmp_path))
    assert message.endswith("cifar-10-batches-py does not hold CIFAR10 as torchvision expects it: Dataset not found or corrupted")
    write_mnist(tmp_path)
    images = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    whole = images.read_bytes()
    for content in (b"", b"no idx file at all", whole[:10], whole[:-10]):
        images.write_bytes(content)
        assert f"{images.parent} does not hold MNIST as torchvision expects it: " in refusal("mnist", root=str(tmp_path))


def test_labels_that_do_not_fit_the_images_are_refused(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    labels = tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    labels.write_bytes(idx(np.arange(59) % 10))
    assert "holds 80 images of MNIST, but 79 labels" in refusal("mnist", root=str(tmp_path))
    labels.write_bytes(idx(np.arange(60) % 11))
    assert "holds an image with the label 10, but the 10 classes of MNIST count from 0" in refusal("mnist", root=str(tmp_path))
    labels.write_bytes(idx(np.arange(60) % 9))
    assert "class '9 - nine' has 2 images, 2 of them different: too few" in refusal("mnist", root=str(tmp_path))


def test_too_few_stored_images_are_counted(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    for kind, values in (("images-idx3", np.zeros((20, 28, 28))), ("labels-idx1", np.arange(20) % 10)):
        (tmp_path / "MNIST" / "raw" / f"train-{kind}-ubyte").write_bytes(idx(values))
    assert "mnist holds 40 images; at least 50 are needed" in refusal("mnist", root=str(tmp_path))
