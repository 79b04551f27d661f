"""Diffusion models as such: networks for every image, saving, precision, and settings that are refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusion_support import FEW_STEPS, SMALL, adapter_of, fit, weights
from pydantic import ValidationError

from fortifai.errors import UserError
from fortifai.modalities.image.diffusion.adapter import DiffusionAdapter
from fortifai.modalities.image.diffusion.config import DiffusionConfig
from fortifai.modalities.image.diffusion.network import DiffusionModel, initial_model, network_arguments, predict
from fortifai.randomness import stream

Fitted = tuple[DiffusionAdapter, DiffusionModel]


def test_a_saved_model_is_loaded_equal_to_the_last_bit(fitted: Fitted, tmp_path: Path) -> None:
    adapter, model = fitted
    adapter.save(model, tmp_path)
    loaded = adapter.load_model(tmp_path)
    assert torch.equal(weights(model), weights(loaded))
    assert torch.equal(model.mean_squares, loaded.mean_squares)
    assert model.reference is not None
    assert loaded.reference is not None
    assert torch.equal(model.reference, loaded.reference)
    one, two = (adapter.sample(m, adapter.splits.test.take(slice(5)), FEW_STEPS, stream(0))["x"] for m in (model, loaded))
    assert torch.equal(one, two)
    one, two = (weights(fit(adapter_of(), init=m).model) for m in (model, loaded))
    assert torch.equal(one, two)
    written = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert written == pytest.approx(adapter.model_bytes(), rel=0.1)


@pytest.mark.parametrize(
    ("channels", "groups"), [((16, 32, 32), 4), ((8, 16), 2), ((12, 24), 1), ((7, 9), 1), ((128, 256), 32), ((256,), 32)]
)
def test_channels_are_normalised_in_groups_that_divide_them(channels: tuple[int, ...], groups: int) -> None:
    assert network_arguments(DiffusionConfig(channels=channels), torch.zeros(1, 3, 8, 8))["norm_num_groups"] == groups
    assert all(width % groups == 0 for width in channels)


@pytest.mark.parametrize("config", [{"attention": True}, {"channels": (7, 10)}, {"channels": (8,)}, {"layers_per_block": 2}])
def test_a_network_answers_with_the_shape_of_its_images(config: dict[str, Any]) -> None:
    images = torch.rand(2, 3, 8, 8)
    network = initial_model(DiffusionConfig(**SMALL | config), images, seed=0).network
    assert predict(network, images, torch.tensor([0, 999]), torch.float32).shape == images.shape


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_learns_about_the_same(precision: str) -> None:
    full, half = (adapter_of(steps=4, precision=name) for name in ("float32", precision))
    reference, model = (fit(adapter).model for adapter in (full, half))
    assert weights(model).dtype == torch.float32
    assert not torch.equal(weights(model), weights(reference))
    torch.testing.assert_close(model.mean_squares, reference.mean_squares, rtol=0.01, atol=0)
    x = half.sample(model, half.splits.test.take(slice(4)), FEW_STEPS, stream(0))["x"]
    assert x.dtype == torch.float32
    assert bool(torch.isfinite(x).all())


@pytest.mark.parametrize(
    ("n", "config", "message"),
    [
        (10**6, {}, "the training pool has 1347: lower n"),
        (64, {"channels": (8, 8, 8, 8, 8)}, r"8 x 8 pixels cannot be halved 4 times, .* a multiple of 16; change data\.size"),
    ],
)
def test_sizes_that_cannot_be_trained_are_refused(n: int, config: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        adapter_of(**config).check(n)


def test_a_sensible_size_passes() -> None:
    adapter_of().check(64)


@pytest.mark.parametrize(
    "wrong", [{"channels": ()}, {"channels": (2, 4)}, {"schedule": "cos"}, {"ema": 1.5}, {"device": "gpu"}, {"noise_levels": 5}]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        DiffusionConfig(**wrong)
