"""Which images are held out: every class by its share, and copies of an image on one side only."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from image_support import fill, parts, refusal

from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.data.splits import load_images
from fortifai.modalities.image.data.splitting import first_copies, split


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
    parts_of = split(torch.tensor(labels), names(labels), range(len(labels)), data)
    assert sorted(torch.cat(parts_of).tolist()) == list(range(len(labels)))
    sizes = Counter(labels)
    for part, share in ((parts_of[1], data.validation), (parts_of[2], data.test)):
        total = max(len(sizes), min(round(share * len(labels)), data.most_held_out))
        assert len(part) == total
        held = Counter(labels[i] for i in part.tolist())
        for label, size in sizes.items():
            fair = total * size / len(labels)
            assert held[label] >= 1
            assert held[label] < fair + 1
            # A class may only be short of its share by more than one where others had to have their one.
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
    parts_of = split(torch.tensor(labels), names(labels), copies, data)
    assert sorted(torch.cat(parts_of).tolist()) == list(range(len(labels)))
    assert sum(len({copies[i] for i in part.tolist()}) for part in parts_of) == len(set(copies))
    assert all(set(labels) == {labels[i] for i in part.tolist()} for part in parts_of)
    assert max(len(part) for part in parts_of[1:]) <= data.most_held_out


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


def test_copies_are_recognised_by_their_pixels() -> None:
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
    images = [set(map(bytes, part.flatten(1).numpy())) for part in parts(load_images(ImageData(source=str(tmp_path), size=size)))]
    assert len(set.union(*images)) == sum(map(len, images)) == 40


def test_a_class_too_small_for_three_parts_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "many", 60)
    fill(tmp_path / "few", 2, seed=1)
    assert "class 'few' has 2 images, 2 of them different: too few to have one in the pool" in refusal(tmp_path)
    fill(tmp_path / "few", 3, seed=1)
    load_images(ImageData(source=str(tmp_path)))
    for i in range(3, 30):
        (tmp_path / "few" / f"{i}.png").write_bytes((tmp_path / "few" / "000.png").read_bytes())
    (tmp_path / "few" / "002.png").write_bytes((tmp_path / "few" / "001.png").read_bytes())
    assert "class 'few' has 30 images, 2 of them different: too few" in refusal(tmp_path)


def test_a_folder_of_one_image_repeated_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    for i in range(1, 60):
        (tmp_path / f"{i}.png").write_bytes((tmp_path / "000.png").read_bytes())
    assert f"{tmp_path} has 60 images, 1 of them different: too few" in refusal(tmp_path)
