"""Likelihood and confidence of diffusion models: what they are, and that they take one pass."""

import math
from dataclasses import replace

import pytest
import torch
from diffusion_support import adapter_of
from torch import Tensor

from fortifai.modalities.image.diffusion import process
from fortifai.modalities.image.diffusion.adapter import DiffusionAdapter
from fortifai.modalities.image.diffusion.network import DiffusionModel
from fortifai.randomness import stream

Fitted = tuple[DiffusionAdapter, DiffusionModel]


def test_confidence_and_likelihood_are_those_of_a_gaussian_at_one_level(fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter, model = fitted
    monkeypatch.setattr(process, "EVALUATED_LEVELS", 1)
    three = adapter.splits.test.take(slice(3))
    noise = torch.randn(1, 8, 8, generator=stream("diffusion", "evaluation", 0)).expand(3, 1, 8, 8)
    # The middle of band 10, levels 500 to 549 of 1,000; what the cosine leaves after 526 levels.
    left, whole = (1e-4 + (1 - 1e-4) * math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2 for t in (0.526, 0))
    share = left / whole
    noisy = share**0.5 * (2 * three["x"] - 1) + (1 - share) ** 0.5 * noise
    with torch.no_grad():
        r = model.network(noisy, 525).sample - noise
    s = model.mean_squares[10] ** 0.5
    nll, confidence = adapter.likelihood(model, three)
    torch.testing.assert_close(confidence, torch.exp(-(r**2) / (2 * s**2)), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(nll, -torch.distributions.Normal(0, s).log_prob(r), rtol=1e-3, atol=1e-3)


def test_confidence_is_a_share_of_one_for_every_pixel(fitted: Fitted) -> None:
    adapter, model = fitted
    nll, p = adapter.likelihood(model, adapter.splits.test)
    assert p.shape == nll.shape == adapter.splits.test["x"].shape
    assert bool(((p >= 0) & (p <= 1)).all())
    assert 0.5 < float(p.mean()) < 0.95  # a Gaussian's is 0.71; heavier tails have more near 1


def test_an_image_has_the_same_likelihood_and_confidence_among_others_and_alone(fitted: Fitted) -> None:
    adapter, model = fitted
    images = adapter.splits.test.take(slice(40))
    at_once = adapter.likelihood(model, images)
    in_parts = adapter_of(evaluation_batch=7).likelihood(model, images)
    alone = adapter.likelihood(model, images.take(slice(39, 40)))
    for of_all, of_parts, of_one in zip(at_once, in_parts, alone, strict=True):
        torch.testing.assert_close(of_all, of_parts)
        torch.testing.assert_close(of_all[39:], of_one)


def test_likelihood_and_confidence_take_one_pass(fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    _, model = fitted
    adapter, sizes, predict = adapter_of(evaluation_batch=8), list[int](), process.predict

    def counted(network: object, noisy: Tensor, *rest: object) -> Tensor:
        sizes.append(len(noisy))
        return predict(network, noisy, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(process, "predict", counted)
    adapter.likelihood(model, adapter.splits.test.take(slice(20)))
    assert sizes == [8] * 5 + [8] * 5 + [4] * 5  # each batch once at each of five noise levels


def test_likelihood_is_measured_by_the_reference(fitted: Fitted) -> None:
    """Whatever the model's own mean squares have become."""
    adapter, model = fitted
    assert model.reference is not None
    some = adapter.splits.test.take(slice(5))
    moved = adapter.likelihood(replace(model, mean_squares=model.mean_squares / 7), some)
    torch.testing.assert_close(moved.confidence, adapter.likelihood(model, some).confidence)
    torch.testing.assert_close(moved.nll, adapter.likelihood(model, some).nll)
