"""The autoencoder: the contract's questions."""

import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from vae_support import DIGITS, OBJECTIVES, UNITS, adapter_of, fit, objective, weights

from fortifai.contract.declaration import modalities
from fortifai.contract.samples import Samples
from fortifai.errors import Diverged, UserError
from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.vae.adapter import VAEAdapter
from fortifai.modalities.image.vae.config import VAEConfig, VAESampling
from fortifai.modalities.image.vae.network import VAE
from fortifai.objectives import AdaptiveTruncation, CrossEntropy, TruncatedCrossEntropy
from fortifai.randomness import stream
from fortifai.records.layout import FIRST_ROW_KEY


@pytest.fixture(scope="module")
def adapter() -> VAEAdapter:
    return adapter_of()


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
    assert float(much.confidence.mean()) > float(little.confidence.mean())
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


def test_examples_have_the_same_noise_in_every_generation(adapter: VAEAdapter) -> None:
    model, train = fit(adapter), adapter.splits.train
    some, others = (adapter.sample(model, train, VAESampling(), stream("sample", generation)) for generation in range(2))
    a, b = (adapter.examples(model, Samples.synthetic(samples, 0), VAESampling())["x"] for samples in (some, others))
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


def test_features_are_those_of_the_data_that_an_adapter_is_bound_to(adapter: VAEAdapter) -> None:
    assert adapter.classifier is adapter.classifier is adapter.extractor
    assert adapter.classifier.classes == 10
    by_photographs = VAEAdapter(adapter.config, ImageData(source="digits", features="imagenet"))
    assert by_photographs.extractor.name == "imagenet"
    other_pool = VAEAdapter(adapter.config, ImageData(source="digits", seed=1))
    x = adapter.splits.test["x"][:2]
    assert not torch.equal(other_pool.extractor.features(x), adapter.extractor.features(x))
