"""The autoencoder: the contract's questions, and what an objective weighs in it."""

import math
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.nn import functional

from fortifai import objectives
from fortifai.config import Sampling
from fortifai.contract.declaration import modalities
from fortifai.contract.samples import Samples
from fortifai.errors import Diverged, UserError
from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.elements import MaskCount, elements_of
from fortifai.modalities.image.vae.adapter import VAEAdapter
from fortifai.modalities.image.vae.config import VAEConfig
from fortifai.modalities.image.vae.network import VAE, pixel_confidence, pixel_nll
from fortifai.modalities.image.vae.training import loss
from fortifai.objectives import AdaptiveTruncation, CrossEntropy, TruncatedCrossEntropy
from fortifai.randomness import stream
from fortifai.records.layout import FIRST_ROW_KEY

TINY: dict[str, Any] = {"channels": 4, "latent": 3, "epochs": 2, "device": "cpu"}
DIGITS = ImageData(source="digits")
UNITS = ("pixel", "sample")
OBJECTIVES = ("ce", "tce:gamma=0.9", "tce:gamma=0.9,unit=sample", "tce-quantile:keep=0.8,unit=sample", "tce-adaptive", "focal")


def adapter_of(**settings: Any) -> VAEAdapter:
    """A tiny one of the 8 x 8 digits, but for these settings."""
    return VAEAdapter(VAEConfig(**TINY | settings), DIGITS)


@pytest.fixture(scope="module")
def adapter() -> VAEAdapter:
    return adapter_of()


def objective(name: str) -> objectives.Objective:
    return objectives.resolve_for(name, UNITS)


def fit(adapter: VAEAdapter, name: str = "ce", init: VAE | None = None, n: int = 200) -> VAE:
    return adapter.fit(adapter.splits.train.take(slice(n)), objective(name), init, stream("fit")).model


def weights(model: VAE) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


# The confidence


@pytest.mark.parametrize("x", [0.0, 1.0])
@given(logit=st.floats(-30, 30))
def test_of_a_black_or_white_pixel_the_confidence_is_the_probability_of_its_value(x: float, logit: float) -> None:
    target, logits = torch.tensor([x]), torch.tensor([logit])
    p = torch.sigmoid(logits) if x else torch.sigmoid(-logits)
    torch.testing.assert_close(pixel_confidence(pixel_nll(logits, target), target), p, rtol=1e-5, atol=1e-7)


@given(x=st.floats(0, 1, width=32), logit=st.floats(-20, 20))
def test_a_confidence_is_a_probability_and_1_for_a_perfect_reconstruction(x: float, logit: float) -> None:
    target = torch.tensor([x])
    assert 0 <= float(pixel_confidence(pixel_nll(torch.tensor([logit]), target), target)) <= 1
    perfect = torch.logit(target.clamp(1e-6, 1 - 1e-6))
    assert float(pixel_confidence(pixel_nll(perfect, target), target)) == pytest.approx(1, abs=1e-4)


def test_of_a_grey_pixel_the_confidence_is_the_exponential_of_minus_a_divergence() -> None:
    x, r = 0.3, 0.6
    confidence = pixel_confidence(pixel_nll(torch.logit(torch.tensor([r])), torch.tensor([x])), torch.tensor([x]))
    divergence = x * math.log(x / r) + (1 - x) * math.log((1 - x) / (1 - r))
    assert float(confidence) == pytest.approx(math.exp(-divergence), rel=1e-5)


# The loss


def batch(n: int = 5, side: int = 8) -> Samples:
    return Samples.real(x=torch.rand(n, 1, side, side, generator=stream("x")))


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
    posterior = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
    divergence = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum() / 5
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


def test_by_pixel_what_is_masked_is_a_pixel_and_by_sample_an_image() -> None:
    nll = torch.rand(6, 1, 8, 8, generator=stream("nll"))
    confidence = torch.exp(-nll)
    pixels = elements_of(objective("tce:gamma=0.6"), nll, confidence)
    assert pixels[0] is nll
    assert pixels[1] is confidence
    sums, means = elements_of(objective("tce:gamma=0.6,unit=sample"), nll, confidence)
    torch.testing.assert_close(sums, nll.sum((1, 2, 3)))
    torch.testing.assert_close(means, torch.exp(-nll.mean((1, 2, 3))))
    assert elements_of(CrossEntropy(), nll, confidence)[0] is nll


def test_an_image_that_is_masked_is_not_trained_on_at_all() -> None:
    samples = batch(3)
    gradients = []
    for keep in ("tce:gamma=1,unit=sample", "tce:gamma=1e-9,unit=sample"):
        bound, model = value(samples, keep)
        bound.backward()
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None]))
    assert gradients[0].abs().max() > 0
    assert gradients[1].abs().max() == 0


def test_where_all_pixels_are_masked_the_divergence_is_left() -> None:
    bound, model = value(batch(3), "tce:gamma=1e-9")
    bound.backward()
    assert all(parameter.grad is None or parameter.grad.abs().max() == 0 for parameter in model.decoder.parameters())
    assert model.encoder[0].weight.grad is not None
    assert model.encoder[0].weight.grad.abs().max() > 0


# The contract


def test_the_declaration_binds_the_adapter_to_its_data(adapter: VAEAdapter) -> None:
    bound = modalities.get("image-vae").bind(VAEConfig(channels=8, latent=5), DIGITS)
    assert isinstance(bound, VAEAdapter)
    assert bound.config.label == "vae-8-16-z5"
    assert bound.splits.data_hash() == adapter.splits.data_hash()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_fit_is_the_same_for_the_same_stream_and_leaves_the_model_that_it_starts_from(name: str, adapter: VAEAdapter) -> None:
    first = fit(adapter)
    before = weights(first).clone()
    a, b = (fit(adapter, name, init=first) for _ in range(2))
    assert torch.equal(weights(a), weights(b))
    assert torch.equal(weights(first), before)
    assert not torch.equal(weights(a), before)


@pytest.mark.parametrize("unit", UNITS)
def test_truncation_that_masks_nothing_is_cross_entropy(unit: str, adapter: VAEAdapter) -> None:
    plain, truncated = fit(adapter), fit(adapter, f"tce:gamma=1,unit={unit}")
    # By sample the same sums are taken in another order.
    torch.testing.assert_close(weights(truncated), weights(plain), rtol=1e-3, atol=1e-4)
    if unit == "pixel":
        assert torch.equal(weights(truncated), weights(plain))


def test_training_improves_what_is_not_seen() -> None:
    adapter = adapter_of(channels=8, latent=8, epochs=15, batch=32, learning_rate=3e-3)
    test = adapter.splits.test
    little = adapter.likelihood(fit(adapter_of(channels=8, latent=8, epochs=1), n=600), test)
    model = fit(adapter, n=600)
    much, noise = (
        adapter.likelihood(model, samples)
        for samples in (test, Samples.real(x=torch.rand(test["x"].shape, generator=stream("noise"))))
    )
    assert float(much.nll.mean()) < 0.8 * float(little.nll.mean())
    assert float(much.confidence.mean()) > 0.8
    assert float(noise.nll.mean()) > float(much.nll.mean())


def test_a_fit_from_scratch_has_epochs_of_its_own() -> None:
    adapter = adapter_of(first_epochs=3)
    train = adapter.splits.train.take(slice(50))
    first = adapter.fit(train, CrossEntropy(), None, stream("fit"))
    assert first.notes == {"epochs": 3.0}
    assert adapter.fit(train, CrossEntropy(), first.model, stream("fit")).notes == {"epochs": 2.0}


def test_the_masked_share_is_that_of_the_elements_that_are_weighed(adapter: VAEAdapter) -> None:
    train = adapter.splits.train.take(slice(256))  # four batches of 64
    share = {
        name: adapter.fit(train, objective(name), None, stream("fit")).masked_share
        for name in ("ce", "tce-quantile:keep=0.75", "tce-quantile:keep=0.75,unit=sample")
    }
    assert share["ce"] == 0
    assert share["tce-quantile:keep=0.75"] == pytest.approx(0.25, abs=0.01)
    assert share["tce-quantile:keep=0.75,unit=sample"] == 0.25


def test_a_threshold_is_estimated_anew_in_every_epoch(adapter: VAEAdapter) -> None:
    thresholds: list[float] = []

    class Spied(AdaptiveTruncation):
        def adapt(self, confidence: torch.Tensor) -> TruncatedCrossEntropy:
            adapted = super().adapt(confidence)
            thresholds.append(adapted.gamma)
            return adapted

    adapter.fit(adapter.splits.train.take(slice(200)), Spied(), None, stream("fit"))
    assert len(thresholds) == adapter.config.epochs
    assert thresholds[0] < thresholds[1] < 1  # the model has become surer


def test_samples_are_pixels_as_many_as_the_source_and_do_not_depend_on_batches(adapter: VAEAdapter) -> None:
    model, source = fit(adapter), adapter.splits.train.take(slice(123))
    x = adapter.sample(model, source, Sampling(), stream("sample"))["x"]
    assert x.shape == (123, 1, 8, 8)
    assert x.dtype == torch.float32
    assert 0 <= float(x.min()) <= float(x.max()) <= 1
    assert torch.equal(x, adapter.sample(model, source, Sampling(), stream("sample"))["x"])
    torch.testing.assert_close(adapter_of(evaluation_batch=7).sample(model, source, Sampling(), stream("sample"))["x"], x)


def test_temperature_scales_the_variance_of_the_latents(adapter: VAEAdapter) -> None:
    drawn: list[torch.Tensor] = []

    class Watched(VAE):
        def decode(self, z: torch.Tensor) -> torch.Tensor:
            drawn.append(z)
            return super().decode(z)

    model = Watched(1, 8, 4, 3)
    for temperature in (1.0, 0.25):
        adapter.sample(model, adapter.splits.train.take(slice(200)), Sampling(temperature=temperature), stream("sample"))
    torch.testing.assert_close(drawn[1], 0.5 * drawn[0])


def test_examples_have_the_same_noise_in_every_generation(adapter: VAEAdapter) -> None:
    model, train = fit(adapter), adapter.splits.train
    some, others = (adapter.sample(model, train, Sampling(), stream("sample", generation)) for generation in range(2))
    a, b = (adapter.examples(model, Samples.synthetic(samples, 0), Sampling())["x"] for samples in (some, others))
    assert torch.equal(a, b)
    assert len(a) == 64


def test_a_picture_says_how_high_its_first_row_is(adapter: VAEAdapter, tmp_path: Path) -> None:
    adapter.show({"x": adapter.splits.test["x"][:20]}, tmp_path / "real")
    with Image.open(tmp_path / "real.png") as picture:  # digits of 8 x 8, each pixel magnified to 4 x 4
        assert int(picture.info[FIRST_ROW_KEY]) == 32 + 2
        assert picture.size == (16 * (32 + 2) + 2, 2 * (32 + 2) + 2)


def test_a_saved_model_is_loaded_equal_to_the_last_bit(adapter: VAEAdapter, tmp_path: Path) -> None:
    model = fit(adapter)
    adapter.save(model, tmp_path)
    loaded = adapter.load_model(tmp_path)
    assert torch.equal(weights(loaded), weights(model))
    a, b = (adapter.likelihood(one, adapter.splits.test) for one in (loaded, model))
    assert torch.equal(a.nll, b.nll)
    assert torch.equal(a.confidence, b.confidence)
    written = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert written == pytest.approx(adapter.model_bytes(), abs=2048)
    assert torch.equal(weights(fit(adapter, init=loaded)), weights(fit(adapter, init=model)))


def test_likelihood_and_confidence_are_of_every_pixel_and_do_not_depend_on_batches(adapter: VAEAdapter) -> None:
    model, test = fit(adapter), adapter.splits.test
    nll, confidence = adapter.likelihood(model, test)
    assert nll.shape == confidence.shape == test["x"].shape
    small = adapter_of(evaluation_batch=10).likelihood(model, test)
    torch.testing.assert_close(small.nll, nll)
    torch.testing.assert_close(small.confidence, confidence)
    mean, log_variance = model.encode(test["x"])
    divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
    logits = model.decode(mean)
    bce = functional.binary_cross_entropy_with_logits(logits, test["x"], reduction="none")
    torch.testing.assert_close(nll.sum((1, 2, 3)), bce.sum((1, 2, 3)) + divergence)
    torch.testing.assert_close(confidence, pixel_confidence(bce, test["x"]))


def test_likelihood_takes_one_pass_that_holds_one_batch_at_a_time(adapter: VAEAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    batch, moved, live = 10, [], []
    to = torch.Tensor.to

    def spied(tensor: torch.Tensor, *target: Any, **options: Any) -> torch.Tensor:
        if tensor.shape[1:] == (1, 8, 8):
            moved.append(len(tensor))
        return to(tensor, *target, **options)

    class Watched(VAE):
        def __init__(self) -> None:
            super().__init__(1, 8, 4, 3)
            self.outputs: list[weakref.ref[torch.Tensor]] = []

        def forward(self, x: torch.Tensor, noise: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
            live.append((len(moved), sum(output() is not None for output in self.outputs)))
            logits, divergence = super().forward(x, noise)
            self.outputs.append(weakref.ref(logits))
            return logits, divergence

    monkeypatch.setattr(torch.Tensor, "to", spied)
    adapter_of(evaluation_batch=batch).likelihood(Watched(), adapter.splits.test.take(slice(65)))
    assert moved == [10, 10, 10, 10, 10, 10, 5]
    assert [count for count, _ in live] == [1, 2, 3, 4, 5, 6, 7]  # a batch is moved when it is its turn
    assert max(outputs for _, outputs in live) <= 1


def test_training_that_leaves_the_finite_numbers_diverges() -> None:
    with pytest.raises(Diverged, match=r"the loss is (nan|inf)"):
        fit(adapter_of(learning_rate=1e12, epochs=20))


@pytest.mark.parametrize(("n", "message"), [(1, "at least 2 images"), (10**6, "the training pool has")])
def test_sizes_that_cannot_be_trained_are_refused(n: int, message: str, adapter: VAEAdapter) -> None:
    with pytest.raises(UserError, match=message):
        adapter.check(n)
    adapter.check(200)


def test_an_absent_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="'cuda:0' is not available on this machine"):
        adapter_of(device="cuda:0").check(200)


def test_features_are_those_of_the_data_that_an_adapter_is_bound_to(adapter: VAEAdapter) -> None:
    assert adapter.classifier is adapter.classifier is adapter.extractor
    assert adapter.classifier.classes == 10
    by_photographs = VAEAdapter(adapter.config, ImageData(source="digits", features="imagenet"))
    assert by_photographs.extractor.name == "imagenet"
    other_pool = VAEAdapter(adapter.config, ImageData(source="digits", seed=1))
    x = adapter.splits.test["x"][:2]
    assert not torch.equal(other_pool.extractor.features(x), adapter.extractor.features(x))
