"""Training of diffusion models: what an objective weighs, thresholds, warm starts, and the running mean of their error."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusion_support import SMALL, adapter_of, fit, weights
from torch import Tensor

from fortifai import objectives
from fortifai.contract.declaration import modalities
from fortifai.errors import Diverged
from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.diffusion import process, training
from fortifai.modalities.image.diffusion.adapter import DiffusionAdapter
from fortifai.modalities.image.diffusion.config import DiffusionConfig
from fortifai.modalities.image.diffusion.network import BANDS, DiffusionModel, initial_model
from fortifai.modalities.image.elements import MaskCount
from fortifai.objectives import CrossEntropy
from fortifai.randomness import stream

Fitted = tuple[DiffusionAdapter, DiffusionModel]


def some(n: int = 8, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Squared errors (n, 1, 4, 4), confidences in them, and weights of 1."""
    error = torch.randn(n, 1, 4, 4, generator=stream("error", seed)).square().requires_grad_()
    return error, torch.exp(-error / 2), torch.ones(n)


def test_the_declaration_binds_the_adapter_to_its_data() -> None:
    bound = modalities.get("image-diffusion").bind(DiffusionConfig(), ImageData(source="digits"))
    assert isinstance(bound, DiffusionAdapter)
    assert bound.config.label == "unet-16-32-32"
    assert bound.splits.data_hash() == adapter_of().splits.data_hash()


def test_cross_entropy_is_the_mean_squared_error() -> None:
    error, p, weight = some()
    assert torch.equal(training.loss(error, p, weight, CrossEntropy(), MaskCount()), error.mean())


@pytest.mark.parametrize("unit", ["pixel", "sample"])
def test_what_truncation_masks_counts_as_zero_among_all(unit: str) -> None:
    error, p, weight = some()
    masks = MaskCount()
    value = training.loss(error, p, weight, objectives.resolve(f"tce:gamma=0.6,unit={unit}"), masks)
    kept = p <= 0.6 if unit == "pixel" else (p.log().mean((1, 2, 3)).exp() <= 0.6)[:, None, None, None].expand_as(p)
    assert 0 < masks.share < 1
    assert masks.share == pytest.approx(1 - float(kept.float().mean()))
    torch.testing.assert_close(value, (error * kept).sum() / error.numel())


@pytest.mark.parametrize("objective", ["ce", "tce:gamma=0.8", "tce:gamma=0.6,unit=sample", "focal:gamma=2"])
def test_an_image_of_weight_two_is_an_image_twice(objective: str) -> None:
    """The gradient of weights (2, 1, 0) is that of the images (first, first, second)."""

    def gradient(index: list[int], weight: list[float]) -> Tensor:
        error, p, _ = some(3)
        value = training.loss(error[index], p[index], torch.tensor(weight), objectives.resolve(objective), MaskCount())
        return torch.autograd.grad(value, error)[0]

    torch.testing.assert_close(gradient([0, 1, 2], [2.0, 1.0, 0.0]), gradient([0, 0, 1], [1.0, 1.0, 1.0]))


def test_weights_of_samples_reach_the_model() -> None:
    adapter = adapter_of()
    images = adapter.splits.train.take(slice(64))
    as_it_is, by_ones, by_others = (
        weights(fit(adapter, samples=images.weighted(w) if w is not None else images).model)
        for w in (None, torch.ones(64), torch.linspace(0, 2, 64))
    )
    assert torch.equal(as_it_is, by_ones)
    assert not torch.equal(as_it_is, by_others)


def test_a_fit_lowers_the_error_on_images_never_seen(fitted: Fitted) -> None:
    adapter, model = fitted
    test = adapter.splits.test
    untrained = initial_model(adapter.config, test["x"], seed=0)
    before, after = (
        float(torch.stack([e.mean() for e, _ in process.squared_errors(m, test["x"], adapter.config, torch.float32)]).mean())
        for m in (untrained, model)
    )
    assert after < before / 2
    assert float(adapter.likelihood(model, test).nll.mean()) < float(adapter.likelihood(untrained, test).nll.mean())


@pytest.mark.parametrize(
    "objective",
    [
        "ce",
        "tce:gamma=0.9",
        "tce:gamma=0.7,unit=sample",
        "tce-quantile:keep=0.9",
        "tce-quantile:keep=0.9,unit=sample",
        "tce-adaptive:alpha=1",
        "focal:gamma=2",
        "focal:gamma=2,unit=sample",
    ],
)
def test_the_same_stream_gives_the_same_model(objective: str) -> None:
    fits = [fit(adapter_of(steps=3), objective, seed=seed) for seed in (0, 0, 1)]
    one, two, other = (weights(result.model) for result in fits)
    assert bool(torch.isfinite(one).all())
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert 0 <= fits[0].masked_share < 1


def test_the_share_of_masked_elements_is_that_of_the_quantile() -> None:
    assert fit(adapter_of(), "tce-quantile:keep=0.75").masked_share == pytest.approx(0.25, abs=0.001)
    # 64 images in batches of 32: 24 of each are kept.
    assert fit(adapter_of(), "tce-quantile:keep=0.75,unit=sample").masked_share == 0.25


def test_a_threshold_is_estimated_anew_in_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[Any] = []
    adapt = objectives.AdaptiveTruncation.adapt
    monkeypatch.setattr(objectives.AdaptiveTruncation, "adapt", lambda self, p: shapes.append(p.shape) or adapt(self, p))
    fit(adapter_of(steps=5), "tce-adaptive:alpha=1")  # 64 images in batches of 32: two and a half epochs
    assert shapes == [(64, 1, 8, 8)] * 3


def test_a_warm_start_goes_on_from_the_model_and_leaves_it_alone(fitted: Fitted) -> None:
    adapter, model = fitted
    before = weights(model).clone()
    no_step, one_step = (
        training.train(deepcopy(model), adapter.splits.train, CrossEntropy(), adapter.config, steps, torch.float32, 0)[0]
        for steps in (0, 1)
    )
    assert torch.equal(weights(no_step), before)  # it starts at the weights of the model
    assert 0 < float((weights(one_step) - before).norm()) < 0.2 * float(before.norm())
    warm = fit(adapter_of(first_steps=2, steps=3), init=model)
    assert warm.notes["steps"] == 3
    assert not torch.equal(weights(warm.model), before)
    assert torch.equal(weights(model), before)
    assert fit(adapter_of(first_steps=2, steps=3)).notes["steps"] == 2


def test_training_that_leaves_the_finite_numbers_is_a_divergence() -> None:
    with pytest.raises(Diverged, match=r"the loss is (nan|inf) at step"):
        fit(adapter_of(learning_rate=1e6, steps=50))


def test_the_running_mean_goes_towards_that_of_a_batch_where_it_has_images() -> None:
    error = torch.tensor([1.0, 3.0, 8.0]).reshape(3, 1, 1, 1).expand(3, 1, 2, 2)
    band, weight = torch.tensor([4, 4, 7]), torch.tensor([1.0, 3.0, 0.0])
    after = training.updated_mean_squares(torch.ones(BANDS), error, band, weight)
    expected = torch.ones(BANDS)
    # Towards the weighted mean of 1 and 3; the image of weight 0 does not count.
    expected[4] += training.MEAN_SQUARE_RATE * (2.5 - 1)
    torch.testing.assert_close(after, expected)


def test_bands_are_even_and_cover_all_noise_levels() -> None:
    config = DiffusionConfig(**SMALL)
    counts = torch.bincount(process.band_of(torch.arange(config.noise_levels), config), minlength=BANDS)
    assert counts.tolist() == [50] * BANDS


def test_the_running_mean_follows_the_errors_of_training(fitted: Fitted) -> None:
    _, model = fitted
    assert bool((model.mean_squares > 0).all())
    # Noise is easier to tell the more of it there is.
    assert float(model.mean_squares[:5].mean()) > 1.2 * float(model.mean_squares[-5:].mean())


def test_the_first_fit_sets_the_scale_and_later_ones_hand_it_on(fitted: Fitted) -> None:
    adapter, first = fitted
    assert first.reference is not None
    assert torch.equal(first.reference, first.mean_squares)
    assert initial_model(adapter.config, adapter.splits.train["x"], seed=0).reference is None
    second = fit(adapter_of(steps=20), init=first).model
    third = fit(adapter_of(steps=20), init=second).model
    for model in (second, third):
        assert model.reference is not None
        assert torch.equal(model.reference, first.reference)
        assert not torch.equal(model.mean_squares, first.mean_squares)


@pytest.mark.parametrize(("scale", "moves"), [("", True), (",scale=relative", False)])
def test_halved_errors_raise_the_masked_share_on_the_absolute_scale_alone(scale: str, moves: bool, fitted: Fitted) -> None:
    """A reference of twice the model's own mean squares is what a model has that errs half as much as the first did."""
    _, model = fitted
    surer = replace(model, reference=2 * model.mean_squares)
    as_sure = replace(model, reference=model.mean_squares)
    objective = f"tce:gamma=0.7,unit=pixel{scale}"
    before, after = (fit(adapter_of(steps=4), objective, init=m).masked_share for m in (as_sure, surer))
    assert (after > before + 0.05) == moves
    assert moves or after == before


def test_an_anchor_is_the_quantile_of_what_training_weighs_in_unseen_images(fitted: Fitted) -> None:
    adapter, model = fitted
    anchored = objectives.resolve("tce-anchored:q=0.9,unit=sample")
    (anchor,) = adapter.anchors(model, anchored, 0.9).tolist()
    assert (anchor,) == tuple(adapter_of(evaluation_batch=7).anchors(model, anchored, 0.9).tolist())
    # On the same images, in training: a tenth of them is above, to four standard errors of 256 draws.
    same = fit(
        adapter_of(steps=8, learning_rate=1e-12, batch=64),
        f"tce:gamma={anchor},unit=sample",
        init=model,
        samples=adapter.splits.validation.take(slice(128)),
    )
    assert same.masked_share == pytest.approx(0.1, abs=4 * (0.1 * 0.9 / 256) ** 0.5)


def test_by_unit_an_image_is_a_sum_of_nll_and_a_geometric_mean_of_confidence(fitted: Fitted) -> None:
    adapter, model = fitted
    measured = adapter.likelihood(model, adapter.splits.test)
    images = adapter.by_unit(measured, objectives.resolve("tce-online:unit=sample"))
    torch.testing.assert_close(images.nll, measured.nll.sum((1, 2, 3)))
    torch.testing.assert_close(images.confidence, measured.confidence.log().mean((1, 2, 3)).exp())


DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


@pytest.mark.parametrize("device", DEVICES)
def test_wherever_it_is_trained_a_model_learns_about_the_same_and_comes_back(device: str, fitted: Fitted) -> None:
    _, model = fitted
    trained = fit(adapter_of(steps=60, device=device, precision="float32")).model
    assert weights(trained).device.type == trained.mean_squares.device.type == "cpu"
    torch.testing.assert_close(trained.mean_squares.mean(), model.mean_squares.mean(), rtol=0.1, atol=0)
