"""Reading an autoencoder out: means or drawn pixels, temperatures, and fits that go through several sets of samples."""

import pytest
import torch
from pydantic import ValidationError
from vae_support import adapter_of, fit, objective, weights

from fortifai.contract.samples import Samples
from fortifai.modalities.image.vae.adapter import VAEAdapter
from fortifai.modalities.image.vae.config import VAEConfig, VAESampling
from fortifai.modalities.image.vae.network import VAE
from fortifai.randomness import stream


@pytest.fixture(scope="module")
def adapter() -> VAEAdapter:
    return adapter_of()


@pytest.mark.parametrize("pixels", ["means", "bernoulli"])
def test_samples_are_pixels_as_many_as_the_source_and_do_not_depend_on_batches(pixels: str, adapter: VAEAdapter) -> None:
    sampling = VAESampling.model_validate({"pixels": pixels})
    model, source = fit(adapter), adapter.splits.train.take(slice(123))
    x = adapter.sample(model, source, sampling, stream("sample"))["x"]
    assert x.shape == (123, 1, 8, 8)
    assert x.dtype == torch.float32
    assert 0 <= float(x.min()) <= float(x.max()) <= 1
    assert bool(((x == 0) | (x == 1)).all()) == (pixels == "bernoulli")
    assert torch.equal(x, adapter.sample(model, source, sampling, stream("sample"))["x"])
    torch.testing.assert_close(adapter_of(evaluation_batch=7).sample(model, source, sampling, stream("sample"))["x"], x)


class Constant(VAE):
    """Decodes every latent to the same logits, and remembers the latents."""

    def __init__(self, logit: float) -> None:
        super().__init__(1, 8, 4, 3)
        self.logit = logit
        self.latents: list[torch.Tensor] = []

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        self.latents.append(z)
        return torch.full((len(z), 1, 8, 8), self.logit)


@pytest.mark.parametrize("pixels", ["means", "bernoulli"])
def test_temperature_scales_the_variance_of_the_latents(pixels: str, adapter: VAEAdapter) -> None:
    model = Constant(0.0)
    for temperature in (1.0, 0.25):
        sampling = VAESampling.model_validate({"pixels": pixels, "temperature": temperature})
        adapter.sample(model, adapter.splits.train.take(slice(200)), sampling, stream("sample"))
    torch.testing.assert_close(model.latents[1], 0.5 * model.latents[0])


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_pixels_are_drawn_with_the_decoders_probabilities_its_logits_over_the_temperature(
    temperature: float, adapter: VAEAdapter
) -> None:
    source = adapter.splits.train.take(slice(1000))
    drawn, means = (
        adapter.sample(Constant(0.8), source, VAESampling.model_validate(settings), stream("sample"))["x"]
        for settings in ({"pixels": "bernoulli", "temperature": temperature}, {"temperature": temperature})
    )
    p = 1 / (1 + 2.718281828 ** (-0.8 / temperature))
    assert float(drawn.mean()) == pytest.approx(p, abs=4 * (p * (1 - p) / drawn.numel()) ** 0.5)
    torch.testing.assert_close(means, torch.full_like(means, 1 / (1 + 2.718281828**-0.8)))  # temperature is the latents' alone


# Training by the authors' recipe


def three_sets(adapter: VAEAdapter) -> Samples:
    data = {"x": adapter.splits.train["x"][:150]}
    return Samples.synthetic(data, 0)


def test_every_pass_goes_through_the_next_set_of_synthetic_samples() -> None:
    adapter = adapter_of(draws=3, epochs=4, batch=50)
    seen: list[torch.Tensor] = []

    class Watched(VAE):
        def forward(self, x: torch.Tensor, noise: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
            seen.append(x)
            return super().forward(x, noise)

    samples = three_sets(adapter)
    assert adapter.draws == 3
    adapter.fit(samples, objective("ce"), Watched(1, 8, 4, 3), stream("fit"))
    assert [len(x) for x in seen] == [50, 50, 50, 50]
    for number, x in zip((0, 1, 2, 0), seen, strict=True):
        expected = samples["x"][50 * number : 50 * number + 50]
        assert torch.equal(x.flatten(1).sort(0).values, expected.flatten(1).sort(0).values)


def test_real_data_is_one_set() -> None:
    train = adapter_of().splits.train.take(slice(150))
    plain, with_draws = (adapter_of(draws=k).fit(train, objective("ce"), None, stream("fit")).model for k in (1, 2))
    assert torch.equal(weights(plain), weights(with_draws))


def test_sets_that_no_pass_would_go_through_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"draws: 3 sets are more than the 2 passes \(epochs\)"):
        VAEConfig(epochs=2, draws=3)


def test_weight_decay_shrinks_weights(adapter: VAEAdapter) -> None:
    plain, decayed = fit(adapter), fit(adapter_of(weight_decay=1.0))
    assert float(weights(decayed).norm()) < float(weights(plain).norm())


def test_without_activation_the_decoder_is_linear_in_its_first_layer() -> None:
    torch.manual_seed(0)
    with_it, without = VAE(1, 8, 4, 3), VAE(1, 8, 4, 3, decoder_activation=False)
    z = torch.randn(5, 3, generator=stream("z"))
    assert float(with_it.decoder[:2](z).detach().min()) == 0
    torch.testing.assert_close(without.decoder[:2](z), without.decoder[0](z))
