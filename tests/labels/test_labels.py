"""Pseudo-labels: images stay, labels are drawn from the classifier, and what both are measured by."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score
from torch import nn

from fortifai.config import Sampling
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.samples import Samples
from fortifai.errors import UserError
from fortifai.modalities.image.config import ImageData
from fortifai.modalities.labels import metrics
from fortifai.modalities.labels.adapter import LabelAdapter
from fortifai.modalities.labels.config import ClassifierConfig
from fortifai.objectives import resolve as objective_of
from fortifai.randomness import stream


@pytest.fixture(scope="module")
def adapter() -> LabelAdapter:
    return LabelAdapter(ClassifierConfig(hidden=(16,), epochs=20), ImageData(source="digits"))


@pytest.fixture(scope="module")
def fitted(adapter: LabelAdapter) -> nn.Sequential:
    return adapter.fit(adapter.splits.train.take(slice(400)), objective_of("ce"), None, stream(0, "fit")).model


def inputs_of(adapter: LabelAdapter, model: nn.Sequential | None, labels: torch.Tensor | None = None) -> MetricInputs[Any, Any]:
    test = adapter.splits.test
    made = {"x": test["x"], "y": test["y"] if labels is None else labels}
    return MetricInputs(adapter, Samples.synthetic(made, 0), model)


def test_images_stay_and_labels_are_drawn_by_their_probabilities(adapter: LabelAdapter, fitted: nn.Sequential) -> None:
    source = adapter.splits.test
    draws = torch.stack([adapter.sample(fitted, source, Sampling(), stream(seed, "x"))["y"] for seed in range(50)])
    assert torch.equal(adapter.sample(fitted, source, Sampling(), stream(0, "x"))["x"], source["x"])
    own = Samples.real(x=source["x"], y=draws[0])
    expected = adapter.logits(fitted, source["x"]).double().softmax(1).mean(0)
    shares = torch.bincount(draws.flatten(), minlength=10) / draws.numel()
    errors = (expected * (1 - expected) / draws.numel()).sqrt()
    assert bool(((shares - expected).abs() < 4.5 * errors).all())
    assert torch.allclose(adapter.likelihood(fitted, own).confidence, torch.exp(-adapter.likelihood(fitted, own).nll))


def test_near_temperature_0_a_label_is_the_likeliest_class(adapter: LabelAdapter, fitted: nn.Sequential) -> None:
    hard = adapter.sample(fitted, adapter.splits.test, Sampling(temperature=1e-6), stream(0, "x"))["y"]
    assert torch.equal(hard, adapter.logits(fitted, adapter.splits.test["x"]).argmax(1))


def test_truncation_and_its_mirror_image_leave_out_opposite_labels(adapter: LabelAdapter) -> None:
    """A tenth of the labels is wrong: what is left out as least sure has more of them than what is left out as surest."""
    real = adapter.splits.train.take(slice(600))
    wrong = torch.arange(600) % 10 == 0
    noisy = Samples.real(x=real["x"], y=torch.where(wrong, (real["y"] + 3) % 10, real["y"]))
    model = adapter.fit(noisy, objective_of("ce"), None, stream(0, "fit")).model
    confidence = adapter.likelihood(model, noisy).confidence
    kept = {name: objective_of(name).weights(confidence) > 0 for name in ("tce-quantile:keep=0.8", "tce-reverse:keep=0.8")}
    shares = {name: float(wrong[chosen].double().mean()) for name, chosen in kept.items()}
    assert shares["tce-reverse:keep=0.8"] < 0.1 < shares["tce-quantile:keep=0.8"]


def test_accuracy_is_that_of_another_library_and_counts_only_ten_classes(adapter: LabelAdapter, fitted: nn.Sequential) -> None:
    predicted = adapter.logits(fitted, adapter.splits.test["x"]).argmax(1)
    measured = metrics.accuracy(inputs_of(adapter, fitted))
    assert measured == accuracy_score(adapter.splits.test["y"].numpy(), predicted.numpy()) > 0.8
    metrics.require_ten_classes(adapter)
    fewer = LabelAdapter.__new__(LabelAdapter)
    fewer.classes = 3
    with pytest.raises(UserError, match="these images have 3"):
        metrics.require_ten_classes(fewer)


def test_calibration_error_by_hand(adapter: LabelAdapter, fitted: nn.Sequential) -> None:
    """Against a plain loop over bins."""
    probabilities = adapter.logits(fitted, adapter.splits.test["x"]).double().softmax(1).numpy()
    confidence, right = probabilities.max(1), probabilities.argmax(1) == adapter.splits.test["y"].numpy()
    expected = 0.0
    for low in np.arange(10) / 10:
        inside = (confidence >= low) & (confidence < low + 0.1) if low < 0.9 else confidence >= low
        if inside.any():
            expected += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    assert metrics.calibration_error(inputs_of(adapter, fitted)) == pytest.approx(expected)


def test_classes_of_labels_are_compared_with_real_ones(adapter: LabelAdapter) -> None:
    labels = adapter.splits.test["y"]
    assert metrics.class_distance(inputs_of(adapter, None)) == 0
    assert metrics.absent_classes(inputs_of(adapter, None)) == 0
    one = torch.zeros_like(labels)
    assert metrics.class_distance(inputs_of(adapter, None, one)) == pytest.approx(1 - float((labels == 0).double().mean()))
    assert metrics.absent_classes(inputs_of(adapter, None, one)) == 9


def test_images_without_classes_are_refused(tmp_path: Path) -> None:
    from PIL import Image

    for number in range(60):
        Image.fromarray(np.random.default_rng(number).integers(0, 255, (8, 8), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    with pytest.raises(UserError, match="has no classes, and a classifier needs at least two"):
        LabelAdapter(ClassifierConfig(), ImageData(source=str(tmp_path)))


def test_weights_of_samples_count(adapter: LabelAdapter) -> None:
    """Without weight, wrong labels do no harm."""
    real = adapter.splits.train.take(slice(400))
    wrong = torch.arange(400) % 2 == 0
    noisy = Samples.real(x=real["x"], y=torch.where(wrong, (real["y"] + 1) % 10, real["y"]))
    plain = adapter.fit(noisy, objective_of("ce"), None, stream(0, "fit")).model
    weighted = adapter.fit(noisy.weighted((~wrong).double() * 2), objective_of("ce"), None, stream(0, "fit")).model
    of_plain, of_weighted = (metrics.accuracy(inputs_of(adapter, model)) for model in (plain, weighted))
    assert of_weighted > of_plain + 0.1
    assert math.isfinite(of_plain)
