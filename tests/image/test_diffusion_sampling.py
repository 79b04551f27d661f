"""Sampling from diffusion models: how many, how sharp, in how many steps, and what is refused."""

from copy import deepcopy

import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusion_support import FEW_STEPS, adapter_of, fit

from fortifai.errors import Diverged, UserError
from fortifai.modalities.image.diffusion import process, sampling
from fortifai.modalities.image.diffusion.adapter import DiffusionAdapter
from fortifai.modalities.image.diffusion.config import DiffusionConfig, DiffusionSampling
from fortifai.modalities.image.diffusion.network import DiffusionModel
from fortifai.modalities.image.vae.config import VAEConfig
from fortifai.planning.suite_file import load_suite
from fortifai.randomness import stream

Fitted = tuple[DiffusionAdapter, DiffusionModel]


def test_samples_are_images_as_many_as_the_source_and_repeatable(fitted: Fitted) -> None:
    adapter, model = fitted
    source = adapter.splits.train.take(slice(11))
    one, two, other = (adapter.sample(model, source, FEW_STEPS, stream(seed))["x"] for seed in (0, 0, 1))
    assert (one.shape, one.dtype) == ((11, 1, 8, 8), torch.float32)
    assert 0 <= float(one.min()) < float(one.max()) <= 1
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_how_many_are_drawn_at_a_time_changes_no_image(fitted: Fitted, eta: float) -> None:
    adapter, model = fitted
    plain = DiffusionSampling(steps=5, eta=eta)
    source = adapter.splits.train.take(slice(20))
    at_once, in_parts = (adapter_of(evaluation_batch=k).sample(model, source, plain, stream("sample"))["x"] for k in (20, 7))
    # A float's rounding, 1e-7, over the root of what is left of an image at the last level, 1e-2; and a few more of them.
    torch.testing.assert_close(at_once, in_parts, rtol=0, atol=1e-4)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_a_temperature_scales_the_variance_of_all_noise(fitted: Fitted, eta: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a network that predicts nothing, what is drawn is proportional to the standard deviation of the noise."""
    adapter, model = fitted
    monkeypatch.setattr(sampling, "predict", lambda network, x, *_: torch.zeros_like(x))
    plain, sharp = (
        adapter.sample(model, adapter.splits.test, DiffusionSampling(steps=5, eta=eta, temperature=t), stream("sample"))["x"]
        - 0.5
        for t in (1e-6, 0.25e-6)  # so small that nothing is clipped, in spite of the division by the root of what is left
    )
    torch.testing.assert_close(sharp, plain / 2, rtol=1e-3, atol=1e-7)
    assert float(plain.std()) > 1e-3


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_sharper_sampling_has_less_spread(fitted: Fitted, eta: float) -> None:
    adapter, model = fitted
    source = adapter.splits.test.take(slice(200))
    plain, sharp = (
        adapter.sample(model, source, DiffusionSampling(steps=10, eta=eta, temperature=t), stream("sample"))["x"]
        for t in (1.0, 0.5)
    )
    assert float(sharp.var(0).mean()) < 0.95 * float(plain.var(0).mean())


@pytest.mark.parametrize("steps", [1, 2, 4, 5, 10, 100, 1000])
def test_any_number_of_steps_gives_numbers(fitted: Fitted, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cosine schedule of diffusers gives NaN at 5 steps and eta 1: the root of a rounding error."""
    adapter, model = fitted
    monkeypatch.setattr(sampling, "predict", lambda network, x, *_: 0.9 * x)
    two = adapter.splits.test.take(slice(2))
    for eta in (0.0, 1.0):
        x = adapter.sample(model, two, DiffusionSampling(steps=steps, eta=eta), stream(0))["x"]
        assert bool(torch.isfinite(x).all())


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
@pytest.mark.parametrize("levels", [20, 100, 1000, 4000])
def test_schedules_leave_next_to_nothing_of_an_image_in_any_number_of_levels(schedule: str, levels: int) -> None:
    config = DiffusionConfig.model_validate({"schedule": schedule, "noise_levels": levels})
    alpha_bar = process.noising_process(config).alphas_cumprod
    assert bool((alpha_bar.diff() < 0).all())
    assert float(alpha_bar[0]) > 0.95
    assert float(alpha_bar[-1]) == pytest.approx({"cosine": 1e-4, "linear": 4.3e-5}[schedule], rel=0.01)


@pytest.mark.parametrize(("schedule", "reference"), [("cosine", "squaredcos_cap_v2"), ("linear", "linear")])
def test_schedules_are_those_of_diffusers_to_a_thousandth(schedule: str, reference: str) -> None:
    ours = process.noising_process(DiffusionConfig.model_validate({"schedule": schedule})).alphas_cumprod
    torch.testing.assert_close(ours, DDIMScheduler(beta_schedule=reference).alphas_cumprod, rtol=0, atol=1e-3)


def test_steps_that_do_not_divide_the_noise_levels_are_refused(fitted: Fitted) -> None:
    adapter, model = fitted
    with pytest.raises(UserError, match=r"steps = 30 must divide model\.noise_levels = 1000"):
        adapter.sample(model, adapter.splits.test, DiffusionSampling(steps=30), stream(0))


def test_sampling_of_a_diffusion_model_refuses_another_kind_of_model() -> None:
    with pytest.raises(TypeError, match="for models of a DiffusionConfig: got VAEConfig"):
        DiffusionSampling().require(VAEConfig())


def test_a_suite_with_such_steps_is_refused_before_anything_is_trained() -> None:
    load_suite("image-diffusion", ["sampling.steps=30", "model.noise_levels=990"])
    with pytest.raises(UserError, match=r"sampling: steps = 30 must divide model\.noise_levels = 1000"):
        load_suite("image-diffusion", ["sampling.steps=30"])


def test_samples_of_a_broken_network_are_a_divergence(fitted: Fitted) -> None:
    adapter, model = fitted
    broken = deepcopy(model)
    next(iter(broken.network.parameters())).data.fill_(torch.nan)
    with pytest.raises(Diverged, match="samples are not finite"):
        adapter.sample(broken, adapter.splits.test.take(slice(2)), FEW_STEPS, stream(0))
    with pytest.raises(Diverged, match="loss is nan at step 0"):
        fit(adapter, init=broken)
