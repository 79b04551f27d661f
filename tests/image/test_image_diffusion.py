"""The diffusion adapter: training under an objective, confidence, sampling, saving."""

import math
from copy import deepcopy

import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from pydantic import ValidationError
from sklearn.datasets import load_digits

from fortifai import objectives
from fortifai.contract.declaration import modalities
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import Diverged, UserError
from fortifai.modalities.image.diffusion import process, sampling, training
from fortifai.modalities.image.diffusion.adapter import DiffusionAdapter
from fortifai.modalities.image.diffusion.config import DiffusionConfig, DiffusionSampling
from fortifai.modalities.image.diffusion.network import BANDS, begin, precision_of, predict, settings
from fortifai.objectives import CrossEntropy
from fortifai.planning.suite_file import load_suite
from fortifai.randomness import stream

SMALL = {"channels": (8, 16), "batch": 32, "steps": 6, "device": "cpu"}
FEW = DiffusionSampling(steps=5)


def adapter_of(**settings):
    return DiffusionAdapter(DiffusionConfig(**SMALL | settings))


@pytest.fixture(scope="module")
def splits():
    """The 8 x 8 digits of scikit-learn."""
    x = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 16
    return Splits(*(Samples.real(x=part) for part in x.split([1000, 400, 397])))


@pytest.fixture(scope="module")
def fitted(splits):
    """A model that has learned something: 60 steps."""
    adapter = adapter_of(steps=60)
    return adapter, fit(adapter, splits).model


def fit(adapter, splits, objective="ce", init=None, samples=None, seed=0):
    samples = splits.train.take(slice(64)) if samples is None else samples
    return adapter.fit(samples, splits.validation, objectives.resolve(objective), init, stream(seed, "fit"))


def weights(model):
    return torch.cat([p.detach().reshape(-1) for p in model.network.parameters()])


def some(n=8, seed=0):
    """Squared errors (n, 1, 4, 4), confidences in them, and weights of 1."""
    error = torch.randn(n, 1, 4, 4, generator=stream("error", seed)).square().requires_grad_()
    return error, torch.exp(-error / 2), torch.ones(n)


# Training


def test_the_declaration_builds_the_adapter():
    config = DiffusionConfig()
    assert config.label == "unet-16-32-32"
    assert isinstance(modalities.get("image-diffusion").build(config), DiffusionAdapter)


def test_cross_entropy_is_the_mean_squared_error():
    error, p, weight = some()
    assert torch.equal(training.loss(error, p, weight, CrossEntropy(), training.Masked()), error.mean())


@pytest.mark.parametrize("unit", ["pixel", "sample"])
def test_what_truncation_masks_counts_as_zero_among_all(unit):
    error, p, weight = some()
    seen = training.Masked()
    got = training.loss(error, p, weight, objectives.resolve(f"tce:gamma=0.6,unit={unit}"), seen)
    kept = p <= 0.6 if unit == "pixel" else (p.log().mean((1, 2, 3)).exp() <= 0.6)[:, None, None, None].expand_as(p)
    assert 0 < seen.share < 1
    assert seen.share == pytest.approx(1 - float(kept.float().mean()))
    torch.testing.assert_close(got, (error * kept).sum() / error.numel())


@pytest.mark.parametrize("objective", ["ce", "tce:gamma=0.8", "tce:gamma=0.6,unit=sample", "focal:gamma=2"])
def test_an_image_of_weight_two_is_an_image_twice(objective):
    """The gradient of weights (2, 1, 0) is that of the images (first, first, second)."""

    def gradient(index, weight):
        error, p, _ = some(3)
        index = torch.tensor(index)
        value = training.loss(error[index], p[index], torch.tensor(weight), objectives.resolve(objective), training.Masked())
        return torch.autograd.grad(value, error)[0]

    torch.testing.assert_close(gradient([0, 1, 2], [2.0, 1.0, 0.0]), gradient([0, 0, 1], [1.0, 1.0, 1.0]))


def test_weights_of_samples_reach_the_model(splits):
    three = splits.train.take(slice(64))
    as_it_is, by_ones, by_others = (
        weights(fit(adapter_of(), splits, samples=three.weighted(w) if w is not None else three).model)
        for w in (None, torch.ones(64), torch.linspace(0, 2, 64))
    )
    assert torch.equal(as_it_is, by_ones)
    assert not torch.equal(as_it_is, by_others)


def test_cross_entropy_is_tce_that_masks_nothing(splits):
    plain, truncated = (fit(adapter_of(), splits, name) for name in ("ce", "tce:gamma=1"))
    assert torch.equal(weights(plain.model), weights(truncated.model))
    assert torch.equal(plain.model.mean_squares, truncated.model.mean_squares)
    assert plain.masked_share == truncated.masked_share == 0


def test_a_fit_lowers_the_error_on_images_never_seen(splits, fitted):
    adapter, model = fitted
    untrained = begin(adapter.config, splits.test["x"], seed=0)
    before, after = (
        float(torch.stack([e.mean() for e, _ in process.errors(m, splits.test["x"], adapter.config, torch.float32)]).mean())
        for m in (untrained, model)
    )
    assert after < before / 2
    assert float(adapter.nll(model, splits.test).mean()) < float(adapter.nll(untrained, splits.test).mean())


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
def test_the_same_stream_gives_the_same_model(splits, objective):
    fits = [fit(adapter_of(steps=3), splits, objective, seed=seed) for seed in (0, 0, 1)]
    one, two, other = (weights(found.model) for found in fits)
    assert bool(torch.isfinite(one).all())
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert 0 <= fits[0].masked_share < 1


def test_the_share_of_masked_elements_is_that_of_the_quantile(splits):
    assert fit(adapter_of(), splits, "tce-quantile:keep=0.75").masked_share == pytest.approx(0.25, abs=0.001)
    # 64 images in batches of 32: 24 of each are kept.
    assert fit(adapter_of(), splits, "tce-quantile:keep=0.75,unit=sample").masked_share == 0.25


def test_a_threshold_is_estimated_anew_in_every_epoch(splits, monkeypatch):
    asked, adapt = [], objectives.AdaptiveTruncation.adapt
    monkeypatch.setattr(objectives.AdaptiveTruncation, "adapt", lambda self, p: asked.append(p.shape) or adapt(self, p))
    fit(adapter_of(steps=5), splits, "tce-adaptive:alpha=1")  # 64 images in batches of 32: two and a half epochs
    assert asked == [(64, 1, 8, 8)] * 3


def test_a_warm_start_goes_on_from_the_model_and_leaves_it_alone(splits, fitted):
    adapter, model = fitted
    before = weights(model).clone()
    none, one = (
        training.train(deepcopy(model), splits.train, CrossEntropy(), adapter.config, k, torch.float32, 0) for k in (0, 1)
    )
    assert torch.equal(weights(none[0]), before)  # no step, no change: it starts at the weights given
    assert 0 < float((weights(one[0]) - before).norm()) < 0.2 * float(before.norm())
    warm = fit(adapter_of(first_steps=2, steps=3), splits, init=model)
    assert warm.notes["steps"] == 3
    assert not torch.equal(weights(warm.model), before)
    assert torch.equal(weights(model), before)
    assert fit(adapter_of(first_steps=2, steps=3), splits).notes["steps"] == 2


def test_training_that_leaves_the_finite_numbers_is_a_divergence(splits):
    with pytest.raises(Diverged, match=r"the loss is (nan|inf) at step"):
        fit(adapter_of(learning_rate=1e6, steps=50), splits)


# Confidence


def test_the_running_mean_goes_towards_that_of_a_batch_where_it_has_images():
    error = torch.tensor([1.0, 3.0, 8.0]).reshape(3, 1, 1, 1).expand(3, 1, 2, 2)
    band, weight = torch.tensor([4, 4, 7]), torch.tensor([1.0, 3.0, 0.0])
    after = training.running(torch.ones(BANDS), error, band, weight)
    expected = torch.ones(BANDS)
    expected[4] += training.PACE * (2.5 - 1)  # the weighted mean of 1 and 3; the image of weight 0 does not count
    torch.testing.assert_close(after, expected)


def test_bands_are_even_and_cover_all_noise_levels():
    config = DiffusionConfig(**SMALL)
    counts = torch.bincount(process.band_of(torch.arange(config.noise_levels), config), minlength=BANDS)
    assert counts.tolist() == [50] * BANDS


def test_the_running_mean_follows_the_errors_of_training(fitted):
    _, model = fitted
    assert bool((model.mean_squares > 0).all())
    # Noise is easier to tell the more of it there is.
    assert float(model.mean_squares[:5].mean()) > 1.2 * float(model.mean_squares[-5:].mean())


def test_confidence_and_likelihood_are_those_of_a_gaussian_at_one_level(splits, fitted, monkeypatch):
    adapter, model = fitted
    monkeypatch.setattr(process, "EVALUATED", 1)
    three = splits.test.take(slice(3))
    noise = torch.randn(1, 8, 8, generator=stream("diffusion", "evaluation", 0)).expand(3, 1, 8, 8)
    # The middle of band 10, levels 500 to 549 of 1,000; what the cosine leaves after 526 levels.
    left, whole = (1e-4 + (1 - 1e-4) * math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2 for t in (0.526, 0))
    share = left / whole
    noisy = share**0.5 * (2 * three["x"] - 1) + (1 - share) ** 0.5 * noise
    with torch.no_grad():
        r = model.network(noisy, 525).sample - noise
    s = model.mean_squares[10] ** 0.5
    torch.testing.assert_close(adapter.confidence(model, three), torch.exp(-(r**2) / (2 * s**2)), rtol=1e-3, atol=1e-4)
    normal = -torch.distributions.Normal(0, s).log_prob(r)
    torch.testing.assert_close(adapter.nll(model, three), normal, rtol=1e-3, atol=1e-3)


def test_confidence_is_a_share_of_one_for_every_pixel(splits, fitted):
    adapter, model = fitted
    p = adapter.confidence(model, splits.test)
    assert p.shape == adapter.nll(model, splits.test).shape == (397, 1, 8, 8)
    assert bool(((p >= 0) & (p <= 1)).all())
    assert 0.5 < float(p.mean()) < 0.95  # a Gaussian's is 0.71; heavier tails have more near 1


def test_an_image_has_the_same_confidence_among_others_and_alone(splits, fitted):
    adapter, model = fitted
    all_at_once = adapter.confidence(model, splits.test.take(slice(40)))
    in_parts = adapter_of(evaluation_batch=7).confidence(model, splits.test.take(slice(40)))
    alone = adapter.confidence(model, splits.test.take(slice(39, 40)))
    torch.testing.assert_close(all_at_once, in_parts)
    torch.testing.assert_close(all_at_once[39:], alone)


# Sampling


def test_samples_are_images_as_many_as_the_source_and_repeatable(splits, fitted):
    adapter, model = fitted
    source = splits.train.take(slice(11)).made_by(3)
    one, two, other = (adapter.sample(model, source, FEW, stream(seed)) for seed in (0, 0, 1))
    assert (one["x"].shape, one["x"].dtype) == ((11, 1, 8, 8), torch.float32)
    assert 0 <= float(one["x"].min()) < float(one["x"].max()) <= 1
    assert one.origin.tolist() == [3] * 11
    assert torch.equal(one["x"], two["x"])
    assert not torch.equal(one["x"], other["x"])


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_how_many_are_drawn_at_a_time_changes_no_image(splits, fitted, eta):
    _, model = fitted
    how = DiffusionSampling(steps=5, eta=eta)
    source = splits.train.take(slice(20))
    at_once, in_parts = (adapter_of(evaluation_batch=k).sample(model, source, how, stream("sample"))["x"] for k in (20, 7))
    # A float's rounding, 1e-7, over the root of what is left of an image at the last level, 1e-2; and a few more of them.
    torch.testing.assert_close(at_once, in_parts, rtol=0, atol=1e-4)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_a_temperature_scales_the_variance_of_all_noise(splits, fitted, eta, monkeypatch):
    """With a network that predicts nothing, what is drawn is proportional to the standard deviation of the noise."""
    adapter, model = fitted
    monkeypatch.setattr(sampling, "predict", lambda network, x, *_: torch.zeros_like(x))
    plain, sharp = (
        adapter.sample(model, splits.test, DiffusionSampling(steps=5, eta=eta, temperature=t), stream("sample"))["x"] - 0.5
        for t in (1e-6, 0.25e-6)  # so small that nothing is clipped, in spite of the division by the root of what is left
    )
    torch.testing.assert_close(sharp, plain / 2, rtol=1e-3, atol=1e-7)
    assert float(plain.std()) > 1e-3


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_sharper_sampling_has_less_spread(splits, fitted, eta):
    adapter, model = fitted
    source = splits.test.take(slice(200))
    plain, sharp = (
        adapter.sample(model, source, DiffusionSampling(steps=10, eta=eta, temperature=t), stream("sample"))["x"]
        for t in (1.0, 0.5)
    )
    assert float(sharp.var(0).mean()) < 0.95 * float(plain.var(0).mean())


@pytest.mark.parametrize("steps", [1, 2, 4, 5, 10, 100, 1000])
def test_any_number_of_steps_gives_numbers(splits, fitted, steps, monkeypatch):
    """The cosine schedule of diffusers gives NaN at 5 steps and eta 1: the root of a rounding error."""
    adapter, model = fitted
    monkeypatch.setattr(sampling, "predict", lambda network, x, *_: 0.9 * x)
    for eta in (0.0, 1.0):
        x = adapter.sample(model, splits.test.take(slice(2)), DiffusionSampling(steps=steps, eta=eta), stream(0))["x"]
        assert bool(torch.isfinite(x).all())


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
@pytest.mark.parametrize("levels", [20, 100, 1000, 4000])
def test_schedules_leave_next_to_nothing_of_an_image_in_any_number_of_levels(schedule, levels):
    left = process.process_of(DiffusionConfig(schedule=schedule, noise_levels=levels)).alphas_cumprod
    assert bool((left.diff() < 0).all())
    assert float(left[0]) > 0.95
    assert float(left[-1]) == pytest.approx({"cosine": 1e-4, "linear": 4.3e-5}[schedule], rel=0.01)


@pytest.mark.parametrize(("schedule", "theirs"), [("cosine", "squaredcos_cap_v2"), ("linear", "linear")])
def test_schedules_are_those_of_diffusers_to_a_thousandth(schedule, theirs):
    ours = process.process_of(DiffusionConfig(schedule=schedule)).alphas_cumprod
    torch.testing.assert_close(ours, DDIMScheduler(beta_schedule=theirs).alphas_cumprod, rtol=0, atol=1e-3)


def test_steps_that_do_not_divide_the_noise_levels_are_refused(splits, fitted):
    adapter, model = fitted
    with pytest.raises(UserError, match=r"steps = 30 must divide model\.noise_levels = 1000"):
        adapter.sample(model, splits.test, DiffusionSampling(steps=30), stream(0))


def test_a_suite_that_says_such_steps_is_refused_before_anything_is_trained():
    load_suite("image-diffusion", ["sampling.steps=30", "model.noise_levels=990"])
    with pytest.raises(UserError, match=r"sampling: steps = 30 must divide model\.noise_levels = 1000"):
        load_suite("image-diffusion", ["sampling.steps=30"])


def test_samples_of_a_broken_network_are_a_divergence(splits, fitted):
    adapter, model = fitted
    broken = deepcopy(model)
    next(iter(broken.network.parameters())).data.fill_(torch.nan)
    with pytest.raises(Diverged, match="samples are not finite"):
        adapter.sample(broken, splits.test.take(slice(2)), FEW, stream(0))
    with pytest.raises(Diverged, match="loss is nan at step 0"):
        fit(adapter, splits, init=broken)


# Saving


def test_a_model_is_read_back_to_the_last_bit(splits, fitted, tmp_path):
    adapter, model = fitted
    adapter.save(model, tmp_path)
    again = adapter.load_model(tmp_path)
    assert torch.equal(weights(model), weights(again))
    assert torch.equal(model.mean_squares, again.mean_squares)
    one, two = (adapter.sample(m, splits.test.take(slice(5)), FEW, stream(0))["x"] for m in (model, again))
    assert torch.equal(one, two)
    on, off = (weights(fit(adapter_of(), splits, init=m).model) for m in (model, again))
    assert torch.equal(on, off)
    written = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert written == pytest.approx(adapter.model_bytes(splits), rel=0.1)


def test_torchs_own_generator_is_left_alone(splits, fitted, tmp_path):
    adapter, _ = fitted
    before = torch.get_rng_state()
    adapter.save(fit(adapter_of(steps=1), splits).model, tmp_path)
    adapter.sample(adapter.load_model(tmp_path), splits.test.take(slice(2)), FEW, stream(0))
    assert torch.equal(torch.get_rng_state(), before)


# Networks


@pytest.mark.parametrize(
    ("channels", "groups"), [((16, 32, 32), 4), ((8, 16), 2), ((12, 24), 1), ((7, 9), 1), ((128, 256), 32), ((256,), 32)]
)
def test_channels_are_normalised_in_groups_that_divide_them(channels, groups):
    found = settings(DiffusionConfig(channels=channels), torch.zeros(1, 3, 8, 8))["norm_num_groups"]
    assert found == groups
    assert all(width % groups == 0 for width in channels)


@pytest.mark.parametrize("config", [{"attention": True}, {"channels": (7, 10)}, {"channels": (8,)}, {"layers_per_block": 2}])
def test_a_network_answers_with_the_shape_of_its_images(config):
    images = torch.rand(2, 3, 8, 8)
    network = begin(DiffusionConfig(**SMALL | config), images, seed=0).network
    assert predict(network, images, torch.tensor([0, 999]), torch.float32).shape == images.shape


# Devices and precision


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_learns_about_the_same(splits, precision):
    full, half = (adapter_of(steps=4, precision=p) for p in ("float32", precision))
    model, found = (fit(adapter, splits).model for adapter in (full, half))
    assert weights(found).dtype == torch.float32
    assert not torch.equal(weights(found), weights(model))
    torch.testing.assert_close(found.mean_squares, model.mean_squares, rtol=0.01, atol=0)
    x = half.sample(found, splits.test.take(slice(4)), FEW, stream(0))["x"]
    assert x.dtype == torch.float32
    assert bool(torch.isfinite(x).all())


@pytest.mark.parametrize(
    ("device", "able", "wanted"),
    [("cuda", True, torch.bfloat16), ("cuda", False, torch.float32), ("cpu", True, torch.float32)],
)
def test_auto_takes_the_precision_that_the_device_is_good_at(device, able, wanted, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: able)
    assert precision_of(DiffusionConfig(), torch.device(device)) is wanted


@pytest.mark.parametrize("available", [True, False])
def test_auto_takes_the_gpu_where_there_is_one(available, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert adapter_of(device="auto").device().type == ("cuda" if available else "cpu")


DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


@pytest.mark.parametrize("device", DEVICES)
def test_wherever_it_is_trained_a_model_learns_about_the_same_and_comes_back(device, splits, fitted):
    _, model = fitted
    found = fit(adapter_of(steps=60, device=device, precision="float32"), splits).model
    assert weights(found).device.type == found.mean_squares.device.type == "cpu"
    torch.testing.assert_close(found.mean_squares.mean(), model.mean_squares.mean(), rtol=0.1, atol=0)


# What does not fit


@pytest.mark.parametrize(
    ("n", "config", "said"),
    [
        (10**6, {}, "the training pool has 1000: lower n"),
        (64, {"channels": (8, 8, 8, 8, 8)}, r"8 x 8 pixels cannot be halved 4 times, .* a multiple of 16; change data\.size"),
    ],
)
def test_sizes_that_cannot_be_trained_are_refused(splits, n, config, said):
    with pytest.raises(UserError, match=said):
        adapter_of(**config).check(n, splits)


def test_an_absent_device_is_refused(splits, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="'cuda:0' is not available"):
        adapter_of(device="cuda:0").check(64, splits)


def test_a_sensible_size_passes(splits):
    adapter_of().check(64, splits)


@pytest.mark.parametrize(
    "wrong", [{"channels": ()}, {"channels": (2, 4)}, {"schedule": "cos"}, {"ema": 1.5}, {"device": "gpu"}, {"noise_levels": 5}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        DiffusionConfig(**wrong)
