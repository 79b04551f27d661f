"""What an objective weighs in an autoencoder: pixels by likelihood, images by their bound; the scale stands still."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.nn import functional
from vae_support import OBJECTIVES, adapter_of, fit, objective

from fortifai.contract.samples import Samples
from fortifai.modalities.image.elements import MaskCount
from fortifai.modalities.image.vae.adapter import DRAWN_AT_ONCE
from fortifai.modalities.image.vae.elements import pixel_entropy, pixel_nll, weighed
from fortifai.modalities.image.vae.network import VAE
from fortifai.modalities.image.vae.training import loss
from fortifai.objectives import CrossEntropy
from fortifai.randomness import stream


def pixel(name: str, logit: float, x: float) -> float:
    """The confidence in the one pixel of an image of divergence 0."""
    target = torch.full((1, 1, 1, 1), x)
    nll = pixel_nll(torch.full((1, 1, 1, 1), logit), target)
    return float(weighed(objective(name), nll, torch.zeros(1), target).confidence)


@pytest.mark.parametrize("x", [0.0, 1.0])
@pytest.mark.parametrize("name", ["tce", "tce:scale=relative", "tce:unit=sample", "tce:unit=sample,scale=relative"])
@given(logit=st.floats(-30, 30))
def test_of_a_black_or_white_pixel_the_confidence_is_the_probability_of_its_value(name: str, x: float, logit: float) -> None:
    assert pixel(name, logit, x) == pytest.approx(1 / (1 + math.exp(-logit if x else logit)), rel=1e-5, abs=1e-7)


@given(x=st.floats(0, 1, width=32), logit=st.floats(-20, 20))
def test_a_confidence_is_a_probability_and_on_the_relative_scale_1_for_a_perfect_reconstruction(x: float, logit: float) -> None:
    assert 0 <= pixel("tce", logit, x) <= pixel("tce:scale=relative", logit, x) <= 1
    perfect = float(torch.logit(torch.tensor(x).clamp(1e-6, 1 - 1e-6)))
    assert pixel("tce:scale=relative", perfect, x) == pytest.approx(1, abs=1e-4)


def test_of_a_grey_pixel_the_confidence_is_its_likelihood_or_relative_to_that_of_a_perfect_reconstruction() -> None:
    x, r = 0.3, 0.6
    logit = math.log(r / (1 - r))
    assert pixel("tce", logit, x) == pytest.approx(r**x * (1 - r) ** (1 - x), rel=1e-5)
    divergence = x * math.log(x / r) + (1 - x) * math.log((1 - x) / (1 - r))
    assert pixel("tce:scale=relative", logit, x) == pytest.approx(math.exp(-divergence), rel=1e-5)


def test_an_images_nll_is_its_bound_and_its_confidence_the_geometric_mean_over_its_pixels() -> None:
    x = torch.rand(6, 1, 8, 8, generator=stream("x")).round()
    logits, divergence = torch.randn(6, 1, 8, 8, generator=stream("logits")), torch.rand(6, generator=stream("kl"))
    nll = pixel_nll(logits, x)
    bound, confidence = weighed(objective("tce:unit=sample"), nll, divergence, x)
    expected = divergence - Bernoulli(logits=logits).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(bound, expected)
    torch.testing.assert_close(confidence, torch.exp(-expected / 64))


def test_by_pixel_the_elements_are_the_pixels() -> None:
    x, nll = torch.rand(6, 1, 8, 8, generator=stream("x")), torch.rand(6, 1, 8, 8, generator=stream("nll")) + 1
    likelihood = weighed(objective("tce"), nll, torch.full((6,), 9.0), x)
    assert likelihood.nll is nll
    torch.testing.assert_close(likelihood.confidence, torch.exp(-nll))
    relative = weighed(objective("tce:unit=sample,scale=relative"), nll, torch.full((6,), 9.0), x)
    torch.testing.assert_close(relative.confidence, torch.exp(-((nll - pixel_entropy(x)).sum((1, 2, 3)) + 9) / 64))
    torch.testing.assert_close(relative.nll, nll.sum((1, 2, 3)) + 9)


# The adapter measures what training weighs


def noise_of(images: int, latents: int) -> Tensor:
    """The noise that latents are drawn from: that of an image depends on its place alone, and not on how many follow."""
    return torch.randn(DRAWN_AT_ONCE * 100, latents, generator=stream("vae", "likelihood"))[:images]


@pytest.mark.parametrize("binary", [False, True])
def test_likelihood_is_the_bound_shared_among_pixels_and_does_not_depend_on_batches(binary: bool) -> None:
    adapter = adapter_of(binary=binary)
    model, test = fit(adapter), adapter.splits.test
    nll, confidence = adapter.likelihood(model, test)
    assert nll.shape == confidence.shape == test["x"].shape
    for all_at_once, in_parts in zip((nll, confidence), adapter_of(evaluation_batch=10).likelihood(model, test), strict=True):
        torch.testing.assert_close(in_parts, all_at_once)
    mean, log_variance = model.encode(test["x"])
    posterior = Normal(mean, torch.exp(log_variance / 2))
    divergence = kl_divergence(posterior, Normal(0.0, 1.0)).sum(1)
    logits = model.decode(mean + posterior.stddev * noise_of(*mean.shape))
    bce = functional.binary_cross_entropy_with_logits(logits, test["x"], reduction="none")
    torch.testing.assert_close(nll.sum((1, 2, 3)), bce.sum((1, 2, 3)) + divergence, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(confidence, torch.exp(-bce))
    if binary:  # the decoder's own probability of what is there, which is exact of black and white pixels alone
        torch.testing.assert_close(confidence, torch.exp(Bernoulli(logits=logits).log_prob(test["x"])))


def test_by_unit_an_image_is_what_an_objective_by_sample_weighs() -> None:
    adapter = adapter_of(binary=True)
    model, test = fit(adapter), adapter.splits.test
    measured = adapter.likelihood(model, test)
    images = adapter.by_unit(measured, objective("tce:unit=sample"))
    logits, divergence = model(test["x"], noise_of(len(test), 3))
    trained = weighed(objective("tce:unit=sample"), pixel_nll(logits, test["x"]), divergence, test["x"])
    torch.testing.assert_close(images.nll, trained.nll)
    torch.testing.assert_close(images.confidence, trained.confidence)
    assert adapter.by_unit(measured, objective("tce")) is measured
    assert adapter.by_unit(measured, CrossEntropy()) is measured


@pytest.mark.parametrize("unit", ["pixel", "sample"])
def test_an_anchor_is_the_quantile_of_confidence_in_unseen_real_data(unit: str) -> None:
    adapter = adapter_of(binary=True)
    model, name = fit(adapter), objective(f"tce-anchored:unit={unit}")
    confidence = adapter.by_unit(adapter.likelihood(model, adapter.splits.validation), name).confidence
    (anchor,) = adapter.anchors(model, name, 0.75).tolist()
    assert float((confidence <= anchor).double().mean()) == pytest.approx(0.75, abs=1 / confidence.numel() + 1e-9)


def test_the_scale_does_not_move_with_the_model() -> None:
    """A decoder that is surer of the same pixels is more confident; on the relative scale both fit their own samples alike."""
    x = torch.full((1, 1, 1, 1), 0.0)
    levels = []
    for p in (0.7, 0.9):  # of black: the model and what it draws grow surer together
        logit = math.log((1 - p) / p)
        levels.append(pixel("tce", logit, 0.0))
        own = torch.full_like(x, 1 - p)  # its own mean, by which a relative scale measures
        assert pixel("tce:scale=relative", logit, float(own)) == pytest.approx(1, abs=1e-5)
    assert levels == pytest.approx([0.7, 0.9], rel=1e-5)


# The loss


def batch(n: int = 5) -> Samples:
    return Samples.real(x=torch.rand(n, 1, 8, 8, generator=stream("x")))


def value(samples: Samples, name: str, beta: float = 1.0) -> tuple[torch.Tensor, VAE]:
    torch.manual_seed(0)
    model = VAE(1, 8, 4, 3)
    noise = torch.randn(len(samples), 3, generator=stream("noise"))
    return loss(model, samples, noise, objective(name), beta, torch.device("cpu"), MaskCount()), model


def test_cross_entropy_is_the_negative_evidence_lower_bound() -> None:
    samples = batch()
    bound, model = value(samples, "ce", beta=0.5)
    mean, log_variance = model.encode(samples["x"])
    logits = model.decode(mean + torch.exp(log_variance / 2) * torch.randn(5, 3, generator=stream("noise")))
    reconstruction = functional.binary_cross_entropy_with_logits(logits, samples["x"], reduction="sum") / 5
    divergence = kl_divergence(Normal(mean, torch.exp(log_variance / 2)), Normal(0.0, 1.0)).sum() / 5
    torch.testing.assert_close(bound, reconstruction + 0.5 * divergence)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_weight_is_that_of_a_sample_and_of_its_divergence(name: str) -> None:
    samples = batch(4)
    plain, _ = value(samples, name)
    double, _ = value(samples.weighted(torch.full((4,), 2.0)), name)
    torch.testing.assert_close(double, 2 * plain)
    one, _ = value(samples.weighted(torch.tensor([4.0, 0, 0, 0])), "ce")
    alone = samples.take(slice(1))
    torch.testing.assert_close(one, value(alone, "ce")[0])


def gradients(model: VAE) -> torch.Tensor:
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None])


def test_an_image_that_is_masked_is_not_trained_on_at_all() -> None:
    largest = []
    for name in ("tce:gamma=1,unit=sample", "tce:gamma=1e-9,unit=sample"):
        bound, model = value(batch(3), name)
        bound.backward()
        largest.append(float(gradients(model).abs().max()))
    assert largest[0] > 0
    assert largest[1] == 0


def test_where_all_pixels_are_masked_the_divergence_is_left() -> None:
    bound, model = value(batch(3), "tce:gamma=1e-9")
    bound.backward()
    assert all(parameter.grad is None or parameter.grad.abs().max() == 0 for parameter in model.decoder.parameters())
    assert model.encoder[0].weight.grad is not None
    assert model.encoder[0].weight.grad.abs().max() > 0
