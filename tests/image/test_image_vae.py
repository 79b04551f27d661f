"""The autoencoder: the contract's questions, and what an objective weighs in it."""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from fortifai import objectives
from fortifai.config import Sampling
from fortifai.contract.declaration import modalities
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import Diverged, UserError
from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.elements import Masked, weighed
from fortifai.modalities.image.vae.adapter import VAEAdapter
from fortifai.modalities.image.vae.config import VAEConfig
from fortifai.modalities.image.vae.network import VAE, pixel_confidence, pixel_nll
from fortifai.modalities.image.vae.training import loss
from fortifai.objectives import AdaptiveTruncation, CrossEntropy, TruncatedCrossEntropy
from fortifai.randomness import stream

TINY = VAEConfig(channels=4, latent=3, epochs=2, device="cpu")
UNITS = ("pixel", "sample")
OBJECTIVES = ("ce", "tce:gamma=0.9", "tce:gamma=0.9,unit=sample", "tce-quantile:keep=0.8,unit=sample", "tce-adaptive", "focal")


@pytest.fixture(scope="module")
def adapter() -> VAEAdapter:
    return VAEAdapter(TINY)


@pytest.fixture(scope="module")
def splits(adapter: VAEAdapter) -> Splits:
    return adapter.load(ImageData(source="digits"))


def objective(name: str) -> objectives.Objective:
    return objectives.resolve_for(name, UNITS)


def fit(adapter: VAEAdapter, splits: Splits, name: str = "ce", init: VAE | None = None, n: int = 200) -> VAE:
    return adapter.fit(splits.train.take(slice(n)), splits.validation, objective(name), init, stream("fit")).model


def weights(model: VAE) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


# The confidence


@pytest.mark.parametrize("x", [0.0, 1.0])
@given(logit=st.floats(-30, 30))
def test_of_a_black_or_white_pixel_the_confidence_is_the_probability_of_its_value(x: float, logit: float) -> None:
    target, given_logit = torch.tensor([x]), torch.tensor([logit])
    p = torch.sigmoid(given_logit) if x else torch.sigmoid(-given_logit)
    torch.testing.assert_close(pixel_confidence(pixel_nll(given_logit, target), target), p, rtol=1e-5, atol=1e-7)


@given(x=st.floats(0, 1, width=32), logit=st.floats(-20, 20))
def test_a_confidence_is_a_probability_and_1_for_a_perfect_reconstruction(x: float, logit: float) -> None:
    target = torch.tensor([x])
    found = pixel_confidence(pixel_nll(torch.tensor([logit]), target), target)
    assert 0 <= float(found) <= 1
    perfect = torch.logit(target.clamp(1e-6, 1 - 1e-6))
    assert float(pixel_confidence(pixel_nll(perfect, target), target)) == pytest.approx(1, abs=1e-4)


def test_of_a_grey_pixel_the_confidence_is_the_exponential_of_minus_a_divergence() -> None:
    x, r = 0.3, 0.6
    found = pixel_confidence(pixel_nll(torch.logit(torch.tensor([r])), torch.tensor([x])), torch.tensor([x]))
    divergence = x * math.log(x / r) + (1 - x) * math.log((1 - x) / (1 - r))
    assert float(found) == pytest.approx(math.exp(-divergence), rel=1e-5)


# The loss


def batch(n: int = 5, side: int = 8) -> Samples:
    return Samples.real(x=torch.rand(n, 1, side, side, generator=stream("x")))


def value(samples: Samples, name: str, beta: float = 1.0) -> tuple[torch.Tensor, VAE]:
    torch.manual_seed(0)
    model = VAE(1, 8, 4, 3)
    noise = torch.randn(len(samples), 3, generator=stream("noise"))
    return loss(model, samples, noise, objective(name), beta, torch.device("cpu"), Masked()), model


def test_cross_entropy_is_the_negative_evidence_lower_bound() -> None:
    samples = batch()
    found, model = value(samples, "ce", beta=0.5)
    mean, log_variance = model.encode(samples["x"])
    logits = model.decode(mean + torch.exp(log_variance / 2) * torch.randn(5, 3, generator=stream("noise")))
    reconstruction = functional.binary_cross_entropy_with_logits(logits, samples["x"], reduction="sum") / 5
    posterior = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
    divergence = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum() / 5
    torch.testing.assert_close(found, reconstruction + 0.5 * divergence)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_weight_is_that_of_a_sample_and_of_its_divergence(name: str) -> None:
    samples = batch(4)
    plain, _ = value(samples, name)
    double, _ = value(samples.weighted(torch.full((4,), 2.0)), name)
    torch.testing.assert_close(double, 2 * plain)
    one, _ = value(samples.weighted(torch.tensor([4.0, 0, 0, 0])), "ce")
    alone = samples.take(slice(1))
    torch.testing.assert_close(one, value(alone, "ce")[0])


def test_by_pixel_what_is_masked_is_a_pixel_and_by_sample_an_image() -> None:
    samples = batch(6)
    nll = torch.rand(6, 1, 8, 8, generator=stream("nll"))
    confidence = torch.exp(-nll)
    pixels = weighed(objective("tce:gamma=0.6"), nll, confidence)
    assert pixels[0] is nll
    assert pixels[1] is confidence
    sums, means = weighed(objective("tce:gamma=0.6,unit=sample"), nll, confidence)
    torch.testing.assert_close(sums, nll.sum((1, 2, 3)))
    torch.testing.assert_close(means, torch.exp(-nll.mean((1, 2, 3))))
    assert weighed(CrossEntropy(), nll, confidence)[0] is nll
    masked, _ = value(samples, "tce-quantile:keep=0.5,unit=sample")
    masked.backward()


def test_an_image_that_is_masked_is_not_trained_on_at_all() -> None:
    samples = batch(3)
    gradients = []
    for keep in ("tce:gamma=1,unit=sample", "tce:gamma=1e-9,unit=sample"):
        found, model = value(samples, keep)
        found.backward()
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None]))
    assert gradients[0].abs().max() > 0
    assert gradients[1].abs().max() == 0


def test_where_all_pixels_are_masked_the_divergence_is_left() -> None:
    found, model = value(batch(3), "tce:gamma=1e-9")
    found.backward()
    assert all(parameter.grad is None or parameter.grad.abs().max() == 0 for parameter in model.decoder.parameters())
    assert model.encoder[0].weight.grad is not None
    assert model.encoder[0].weight.grad.abs().max() > 0


# The contract


def test_the_declaration_builds_the_adapter() -> None:
    config = VAEConfig(channels=8, latent=5)
    assert config.label == "vae-8-16-z5"
    assert isinstance(modalities.get("image-vae").build(config), VAEAdapter)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_fit_is_the_same_for_the_same_stream_and_leaves_what_it_was_given(
    name: str, adapter: VAEAdapter, splits: Splits
) -> None:
    first = fit(adapter, splits)
    before = weights(first).clone()
    a, b = (fit(adapter, splits, name, init=first) for _ in range(2))
    assert torch.equal(weights(a), weights(b))
    assert torch.equal(weights(first), before)
    assert not torch.equal(weights(a), before)


@pytest.mark.parametrize("unit", UNITS)
def test_truncation_that_masks_nothing_is_cross_entropy(unit: str, adapter: VAEAdapter, splits: Splits) -> None:
    plain, truncated = fit(adapter, splits), fit(adapter, splits, f"tce:gamma=1,unit={unit}")
    # By sample the same sums are taken in another order.
    torch.testing.assert_close(weights(truncated), weights(plain), rtol=1e-3, atol=1e-4)
    if unit == "pixel":
        assert torch.equal(weights(truncated), weights(plain))


def test_training_improves_what_is_not_seen(splits: Splits) -> None:
    adapter = VAEAdapter(VAEConfig(channels=8, latent=8, epochs=15, batch=32, learning_rate=3e-3))
    little, much = VAEAdapter(VAEConfig(channels=8, latent=8, epochs=1)), fit(adapter, splits, n=600)
    assert float(adapter.nll(much, splits.test).mean()) < 0.8 * float(adapter.nll(fit(little, splits, n=600), splits.test).mean())
    assert float(adapter.confidence(much, splits.test).mean()) > 0.8
    other = torch.rand(splits.test["x"].shape, generator=stream("noise"))
    assert float(adapter.nll(much, Samples.real(x=other)).mean()) > float(adapter.nll(much, splits.test).mean())


def test_a_fit_from_scratch_has_epochs_of_its_own(splits: Splits) -> None:
    adapter = VAEAdapter(TINY.model_copy(update={"first_epochs": 3}))
    train = splits.train.take(slice(50))
    first = adapter.fit(train, splits.validation, CrossEntropy(), None, stream("fit"))
    assert first.notes == {"epochs": 3.0}
    assert adapter.fit(train, splits.validation, CrossEntropy(), first.model, stream("fit")).notes == {"epochs": 2.0}


def test_the_masked_share_is_that_of_what_is_weighed(adapter: VAEAdapter, splits: Splits) -> None:
    train = splits.train.take(slice(256))  # four batches of 64
    found = {
        name: adapter.fit(train, splits.validation, objective(name), None, stream("fit")).masked_share
        for name in ("ce", "tce-quantile:keep=0.75", "tce-quantile:keep=0.75,unit=sample")
    }
    assert found["ce"] == 0
    assert found["tce-quantile:keep=0.75"] == pytest.approx(0.25, abs=0.01)
    assert found["tce-quantile:keep=0.75,unit=sample"] == 0.25


def test_a_threshold_is_estimated_anew_in_every_epoch(adapter: VAEAdapter, splits: Splits) -> None:
    found: list[float] = []

    class Spied(AdaptiveTruncation):
        def adapt(self, confidence: torch.Tensor) -> TruncatedCrossEntropy:
            adapted = super().adapt(confidence)
            found.append(adapted.gamma)
            return adapted

    adapter.fit(splits.train.take(slice(200)), splits.validation, Spied(), None, stream("fit"))
    assert len(found) == TINY.epochs
    assert found[0] < found[1] < 1  # the model has become surer


def test_samples_are_pixels_as_many_as_the_source_and_do_not_depend_on_batches(adapter: VAEAdapter, splits: Splits) -> None:
    model, source = fit(adapter, splits), splits.train.take(slice(123))
    a = adapter.sample(model, source, Sampling(), stream("sample"))
    assert a["x"].shape == (123, 1, 8, 8)
    assert a["x"].dtype == torch.float32
    assert 0 <= float(a["x"].min()) <= float(a["x"].max()) <= 1
    assert torch.equal(a["x"], adapter.sample(model, source, Sampling(), stream("sample"))["x"])
    small = VAEAdapter(TINY.model_copy(update={"evaluation_batch": 7}))
    torch.testing.assert_close(small.sample(model, source, Sampling(), stream("sample"))["x"], a["x"])


def test_temperature_scales_the_variance_of_the_latents(adapter: VAEAdapter, splits: Splits) -> None:
    drawn: list[torch.Tensor] = []

    class Watched(VAE):
        def decode(self, z: torch.Tensor) -> torch.Tensor:
            drawn.append(z)
            return super().decode(z)

    model = Watched(1, 8, 4, 3)
    for temperature in (1.0, 0.25):
        adapter.sample(model, splits.train.take(slice(200)), Sampling(temperature=temperature), stream("sample"))
    torch.testing.assert_close(drawn[1], 0.5 * drawn[0])


def test_what_is_shown_has_the_same_noise_in_every_generation(adapter: VAEAdapter, splits: Splits) -> None:
    model = fit(adapter, splits)
    some, others = (adapter.sample(model, splits.train, Sampling(), stream("sample", g)) for g in range(2))
    a, b = (adapter.examples(model, samples, Sampling()) for samples in (some, others))
    assert torch.equal(a["x"], b["x"])
    assert len(a) == 64


def test_a_saved_model_comes_back_to_the_last_bit(adapter: VAEAdapter, splits: Splits, tmp_path: Path) -> None:
    model = fit(adapter, splits)
    adapter.save(model, tmp_path)
    back = adapter.load_model(tmp_path)
    assert torch.equal(weights(back), weights(model))
    assert torch.equal(adapter.confidence(back, splits.test), adapter.confidence(model, splits.test))
    written = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert written == pytest.approx(adapter.model_bytes(splits), abs=2048)
    assert torch.equal(weights(fit(adapter, splits, init=back)), weights(fit(adapter, splits, init=model)))


def test_likelihood_and_confidence_are_of_every_pixel_and_do_not_depend_on_batches(adapter: VAEAdapter, splits: Splits) -> None:
    model = fit(adapter, splits)
    small = VAEAdapter(TINY.model_copy(update={"evaluation_batch": 10}))
    for question in ("nll", "confidence"):
        found = getattr(adapter, question)(model, splits.test)
        assert found.shape == splits.test["x"].shape
        torch.testing.assert_close(getattr(small, question)(model, splits.test), found)
    mean, log_variance = model.encode(splits.test["x"])
    divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
    logits = model.decode(mean)
    bound = functional.binary_cross_entropy_with_logits(logits, splits.test["x"], reduction="none").sum((1, 2, 3)) + divergence
    torch.testing.assert_close(adapter.nll(model, splits.test).sum((1, 2, 3)), bound)


def test_training_that_leaves_the_finite_numbers_diverges(splits: Splits) -> None:
    adapter = VAEAdapter(TINY.model_copy(update={"learning_rate": 1e12, "epochs": 20}))
    with pytest.raises(Diverged, match=r"the loss is (nan|inf)"):
        fit(adapter, splits)


@pytest.mark.parametrize(("n", "said"), [(1, "at least 2 images"), (10**6, "the training pool has")])
def test_sizes_that_cannot_be_trained_are_refused(n: int, said: str, adapter: VAEAdapter, splits: Splits) -> None:
    with pytest.raises(UserError, match=said):
        adapter.check(n, splits)
    adapter.check(200, splits)


@pytest.mark.parametrize("available", [True, False])
def test_auto_takes_the_gpu_where_there_is_one(available: bool, monkeypatch: pytest.MonkeyPatch, splits: Splits) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert VAEAdapter(VAEConfig()).device().type == ("cuda" if available else "cpu")
    if not available:
        with pytest.raises(UserError, match="'cuda:0' is not available on this machine"):
            VAEAdapter(VAEConfig(device="cuda:0")).check(200, splits)
