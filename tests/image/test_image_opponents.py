"""What images answer other strategies: a verifier, and guidance in sampling."""

import torch

from fortifai.contract.samples import Samples
from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.diffusion import network
from fortifai.modalities.image.diffusion.adapter import DiffusionAdapter
from fortifai.modalities.image.diffusion.config import DiffusionSampling
from fortifai.modalities.image.diffusion.network import DiffusionModel
from fortifai.modalities.image.vae.adapter import VAEAdapter
from fortifai.modalities.image.vae.config import VAEConfig
from fortifai.randomness import stream


def test_the_verifier_is_surer_of_digits_than_of_noise() -> None:
    adapter = VAEAdapter(VAEConfig(), ImageData(source="digits"))
    digits = adapter.splits.validation
    noise = Samples.real(x=torch.rand(digits["x"].shape, generator=torch.Generator().manual_seed(0)))
    of_digits, of_noise = adapter.verify(digits), adapter.verify(noise)
    assert of_digits.dtype == torch.float64
    assert float(torch.cat([of_digits, of_noise]).min()) >= 0.1
    assert float(torch.cat([of_digits, of_noise]).max()) <= 1
    assert of_digits.mean() > of_noise.mean() + 0.1


def test_a_guided_model_sees_the_noise_of_one_away_from_the_other(fitted: tuple[DiffusionAdapter, DiffusionModel]) -> None:
    adapter, model = fitted
    other = network.initial_model(adapter.config, adapter.splits.train["x"], 5)
    x, levels = torch.randn(2, *adapter.splits.train["x"].shape[1:]), torch.tensor([3, 5])
    both = adapter.guided(model, other, 2.0)
    seen = [network.predict(each.network.eval(), x, levels, torch.float32) for each in (model, other, both)]
    assert torch.allclose(seen[2], 3 * seen[0] - 2 * seen[1], atol=1e-5)
    source = adapter.splits.validation.take(slice(2))
    sampling = DiffusionSampling(steps=5)
    drawn = [
        adapter.sample(each, source, sampling, stream(0, "x"))["x"] for each in (model, adapter.guided(model, other, 0.0), both)
    ]
    assert torch.allclose(drawn[0], drawn[1], atol=1e-5)
    assert not torch.allclose(drawn[0], drawn[2], atol=1e-2)
