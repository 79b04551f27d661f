"""Pseudo-labels of pixels: scenes, what an unlabelled pixel says, what descriptions tell, and what labels are measured by."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from sklearn.metrics import jaccard_score
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.samples import Samples
from fortifai.errors import UserError
from fortifai.modalities.segmentation import metrics
from fortifai.modalities.segmentation.adapter import SegmentationAdapter
from fortifai.modalities.segmentation.config import SceneData, UNetConfig
from fortifai.modalities.segmentation.descriptions import CLASSES, UNLABELLED, semantic_vectors
from fortifai.modalities.segmentation.network import SemanticUNet
from fortifai.modalities.segmentation.picture import palette
from fortifai.modalities.segmentation.scenes import textures
from fortifai.objectives import resolve as objective_of
from fortifai.randomness import stream

UNSEEN = (0, 9)
DATA = SceneData(source="digits", side=16, scenes=120, held_out=60, unseen=UNSEEN)


@pytest.fixture(scope="module")
def adapter() -> SegmentationAdapter:
    return SegmentationAdapter(UNetConfig(channels=(8, 16, 32), batch=8, epochs=12), DATA)


@pytest.fixture(scope="module")
def fitted(adapter: SegmentationAdapter) -> SemanticUNet:
    return adapter.fit(adapter.splits.train, objective_of("ce"), None, stream(0, "fit")).model


def inputs_of(
    adapter: SegmentationAdapter, model: SemanticUNet | None, labels: torch.Tensor | None = None
) -> MetricInputs[Any, Any]:
    test = adapter.splits.test
    return MetricInputs(adapter, Samples.synthetic({"x": test["x"], "y": test["y"] if labels is None else labels}, 0), model)


def test_unseen_digits_are_unlabelled_in_the_pool_and_have_their_class_in_the_test_split(adapter: SegmentationAdapter) -> None:
    assert adapter.splits.test["y"].unique().tolist() == list(range(CLASSES))
    seen = [label for label in range(CLASSES) if label - 1 not in UNSEEN]
    for part in (adapter.splits.train, adapter.splits.validation):
        assert part["y"].unique().tolist() == [*seen, UNLABELLED]
        assert 0.1 < float((part["y"] == UNLABELLED).sum() / (part["y"] > 0).sum()) < 0.3  # two of ten digits


def test_scenes_have_the_ink_of_their_digits_on_ground_of_one_band(adapter: SegmentationAdapter) -> None:
    x, y = adapter.splits.test["x"][:, 0], adapter.splits.test["y"]
    assert float(x.min()) >= 0
    assert float(x.max()) <= 1
    assert float(x[y > 0].mean()) > 0.6 > 0.4 > float(x[y == 0].mean())
    ground = textures(50, 32, stream(0, "x"))
    spectra = torch.fft.fft2(ground.double() - ground.double().mean((1, 2), keepdim=True)).abs() ** 2
    frequency = torch.fft.fftfreq(32)
    fine = (frequency[:, None] ** 2 + frequency**2).sqrt() > 0.3  # beyond every band
    assert float((spectra * fine).sum() / spectra.sum()) < 0.01


def test_an_unlabelled_pixel_is_of_any_unseen_class(adapter: SegmentationAdapter) -> None:
    logits = 3 * torch.randn(4, CLASSES, 5, 5, generator=stream(0, "x"))
    p = logits.softmax(1)

    def probability(label: int) -> Tensor:
        return torch.exp(-adapter.label_nll(logits, torch.full((4, 5, 5), label, dtype=torch.uint8)))

    assert torch.allclose(torch.stack([probability(label) for label in range(CLASSES)], 1), p)
    assert torch.allclose(probability(UNLABELLED), p[:, 1] + p[:, 10])


def test_what_tells_an_8_from_a_9_tells_a_6_from_a_5(adapter: SegmentationAdapter, fitted: SemanticUNet) -> None:
    """One dot of the display, left below: logits are products with descriptions, for unseen digits too."""
    vectors = semantic_vectors()
    assert len({tuple(row.tolist()) for row in vectors}) == CLASSES
    assert torch.equal(vectors[9] - vectors[10], vectors[7] - vectors[6])
    logits = adapter.logits(fitted, adapter.splits.test["x"])
    assert torch.allclose(logits[:, 9] - logits[:, 10], logits[:, 7] - logits[:, 6], atol=1e-4)
    assert not torch.allclose(logits[:, 9], logits[:, 10], atol=1e-2)
    assert bool((logits[:, 0] == 0).all())


def test_every_pixel_is_given_a_class_and_near_temperature_0_the_likeliest(
    adapter: SegmentationAdapter, fitted: SemanticUNet
) -> None:
    source = adapter.splits.train.take(slice(20))
    assert bool((source["y"] == UNLABELLED).any())
    given = adapter.sample(fitted, source, Sampling(temperature=1e-6), stream(0, "x"))
    assert torch.equal(given["y"], adapter.logits(fitted, source["x"]).argmax(1).to(torch.uint8))
    assert torch.equal(given["x"], source["x"])


def test_intersection_over_union_is_that_of_another_library(adapter: SegmentationAdapter, fitted: SemanticUNet) -> None:
    test = adapter.splits.test
    predicted = adapter.logits(fitted, test["x"]).argmax(1).flatten().numpy()

    def expected(labels: list[int]) -> float:
        return float(jaccard_score(test["y"].flatten().numpy(), predicted, labels=labels, average="macro", zero_division=0))

    inputs = inputs_of(adapter, fitted)
    seen, unseen = (expected([c + 1 for c in range(10) if (c in UNSEEN) == hidden]) for hidden in (False, True))
    assert metrics.mean_iou(inputs) == pytest.approx(expected(list(range(1, CLASSES))))
    assert metrics.mean_iou_seen(inputs) == pytest.approx(seen)
    assert metrics.mean_iou_unseen(inputs) == pytest.approx(unseen)
    assert seen > 0.1  # it learnt something
    assert metrics.hiou(inputs) == pytest.approx(2 * seen * unseen / (seen + unseen))
    assert metrics.pixel_accuracy(inputs) == pytest.approx((predicted == test["y"].flatten().numpy()).mean())


def test_a_network_that_calls_everything_ground_is_at_chance(adapter: SegmentationAdapter) -> None:
    blank = adapter.network().eval()
    torch.nn.init.zeros_(blank.project.weight)
    torch.nn.init.constant_(blank.project.bias, 0.0)
    inputs = inputs_of(adapter, blank)
    assert [getattr(metrics, name)(inputs) for name in ("mean_iou", "mean_iou_seen", "mean_iou_unseen", "hiou")] == [0, 0, 0, 0]


def test_the_share_of_unseen_digits_counts_what_is_labelled_as_a_digit(adapter: SegmentationAdapter) -> None:
    labels = torch.zeros_like(adapter.splits.test["y"])
    assert metrics.unseen_share(inputs_of(adapter, None, labels)) == 0
    labels[0, 0, :4] = torch.tensor([1, 10, 5, 5], dtype=torch.uint8)
    assert metrics.unseen_share(inputs_of(adapter, None, labels)) == 0.5


def test_truncation_and_its_mirror_image_leave_out_opposite_pixels(adapter: SegmentationAdapter, fitted: SemanticUNet) -> None:
    """What is left out as surest is mostly ground; what is left out as least sure has more of the digits."""
    pool = adapter.splits.train
    confidence = adapter.likelihood(fitted, pool).confidence
    surest, least_sure = (
        objective_of(name).weights(confidence) == 0 for name in ("tce-quantile:keep=0.8", "tce-reverse:keep=0.8")
    )
    digits = (pool["y"] > 0).double()
    assert float(digits[surest].mean()) < float(digits.mean()) < float(digits[least_sure].mean())


def test_variances_stay_positive_where_weights_are_negative(adapter: SegmentationAdapter, fitted: SemanticUNet) -> None:
    other = adapter.fit(adapter.splits.train.take(slice(40)), objective_of("ce"), fitted, stream(0, "fit")).model
    both = adapter.combined([fitted, other], [3.0, -2.0])
    for name, variance in both.named_buffers():
        if name.endswith("running_var"):
            expected = fitted.get_buffer(name).double() ** 3 / other.get_buffer(name).double() ** 2
            assert torch.allclose(variance.double(), expected)
    assert torch.allclose(both.project.bias, 3 * fitted.project.bias - 2 * other.project.bias, atol=1e-5)


def test_scenes_are_shown_beside_the_truth_and_what_was_given(
    adapter: SegmentationAdapter, fitted: SemanticUNet, tmp_path: Path
) -> None:
    shown = adapter.examples(fitted, adapter.splits.train, Sampling())
    assert torch.equal(shown["y"], adapter.splits.test["y"][: len(shown["y"])])
    adapter.show(shown, tmp_path / "given")
    adapter.show(adapter.splits.train.take(slice(6)).data, tmp_path / "real")
    given, real = (Image.open(tmp_path / f"{name}.png").convert("RGB") for name in ("given", "real"))
    # Six a row: three panels of 48 pixels, or two, with 2 pixels between.
    assert (given.width, real.width) == (6 * (3 * 48 + 2) + 2, 6 * (2 * 48 + 2) + 2)
    assert given.height == 3 * (48 + 2) + 2
    colours = (palette() * 255).round().int()
    truth, side = shown["y"][0].long(), 48 // 16
    drawn = torch.tensor([[given.getpixel((2 + 48 + side * c, 2 + side * r)) for c in range(16)] for r in range(16)])
    assert torch.equal(drawn.int(), colours[truth])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unseen": (3,)}, "at least 2 items"),
        ({"unseen": (3, 3)}, "names a digit twice: 3, 3"),
        ({"unseen": (3, 10)}, "less than or equal to 9"),
        ({"source": "fashion-mnist"}, "'mnist-5k', 'digits' or 'mnist'"),
    ],
)
def test_scenes_that_make_no_sense_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SceneData.model_validate(settings)


def test_a_side_that_cannot_be_halved_often_enough_is_refused() -> None:
    with pytest.raises(UserError, match=r"data.side = 20 cannot be halved 3 times.*use a multiple of 8, or fewer levels"):
        SegmentationAdapter(UNetConfig(), SceneData(source="digits", side=20))


def test_the_order_of_unseen_digits_does_not_make_another_chain() -> None:
    assert SceneData(unseen=(9, 0)).identity() == SceneData(unseen=(0, 9)).identity()
