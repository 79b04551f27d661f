"""Metrics of images: against closed forms and independent libraries, and their invariants.

Most tests take the pixels of an image for its features, so that features may follow any law.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from prdc import compute_prdc
from scipy.linalg import sqrtm
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from fortifai import metrics
from fortifai.contract.metric import Metric
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError
from fortifai.modalities.image.config import ImageData
from fortifai.modalities.image.metrics import distances, neighbours
from fortifai.modalities.image.metrics.declared import LATENT_SPREAD, LATENT_STD, METRICS
from fortifai.modalities.image.vae.adapter import VAEAdapter
from fortifai.modalities.image.vae.config import VAEConfig
from fortifai.randomness import stream
from fortifai.recursion.null import measure_nulls

OF_FEATURES = [metric for metric in METRICS if not metric.takes]
"""Those that need no judge; `separability` is tested beside the judges."""

BY_NAME = {metric.name: metric for metric in (*METRICS, LATENT_SPREAD, LATENT_STD)}
NEIGHBOURS = ("precision", "recall", "density", "coverage")
every_metric = pytest.mark.parametrize("metric", OF_FEATURES, ids=lambda metric: metric.name)


@dataclass
class Pixels:
    """An extractor whose features are the pixels, and how many images it was asked for."""

    name: str = "pixels"
    asked: list[int] = field(default_factory=list)

    def features(self, x: Tensor) -> Tensor:
        self.asked.append(len(x))
        return x.flatten(1).double()


class FirstPixel:
    """A classifier of four classes: the first pixel, times four."""

    classes = 4

    def predict(self, x: Tensor) -> Tensor:
        return (4 * x.flatten(1)[:, 0]).long().clamp(0, 3)


@dataclass
class Adapter:
    """An adapter as far as a metric of images asks."""

    extractor: Any = field(default_factory=Pixels)
    classifier: Any = field(default_factory=FirstPixel)
    splits: Splits | None = None


def images(features: Tensor) -> Samples:
    """Wrap features (n, D) as images of one row."""
    return Samples.real(x=features[:, None, None, :])


def inputs(real: Tensor, synthetic: Tensor, pool: Tensor | None = None, adapter: Any = None, **more: Any) -> MetricInputs:
    train = images(normal(60, real.shape[1], "pool") if pool is None else pool)
    return MetricInputs(replace(adapter or Adapter(), splits=Splits(train, train, images(real))), images(synthetic), **more)


def value(name: str, *features: Any, **more: Any) -> float:
    return BY_NAME[name].function()(inputs(*features, **more))


def normal(n: int, columns: int, purpose: str) -> Tensor:
    return torch.randn(n, columns, dtype=torch.float64, generator=stream(purpose))


def exactly(n: int, mean: Tensor, covariance: Tensor, purpose: str) -> Tensor:
    """Draw a sample whose mean and covariance are these, not just nearly."""
    x = normal(n, len(mean), purpose)
    x = x - x.mean(0)
    root = torch.linalg.cholesky(covariance) @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(x.T)))
    return x @ root.T + mean


@every_metric
def test_every_metric_stays_in_its_range_whatever_the_sample(metric: Metric) -> None:
    real = normal(80, 5, "real")
    for synthetic in (normal(60, 5, "other"), 1e3 * normal(60, 5, "wide"), real[:1].repeat(60, 1), real[: metric.least_n]):
        low, high = metric.valid
        assert low <= value(metric.name, real, synthetic) <= high


@every_metric
def test_every_metric_is_a_function_of_its_inputs_and_leaves_the_global_generator_alone(metric: Metric) -> None:
    real, synthetic = normal(150, 5, "real"), normal(120, 5, "other")
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = value(metric.name, real, synthetic)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert value(metric.name, real, synthetic) == first


def test_features_are_extracted_once_a_chain_or_once_a_generation_and_equal_images_once() -> None:
    real, pool, adapter, cache = normal(20, 3, "real"), normal(40, 3, "pool"), Adapter(), dict[str, Any]()
    generations = [normal(30, 3, "first"), normal(31, 3, "second"), real[:1].repeat(60, 1)]
    for synthetic in generations:
        generation = inputs(real, synthetic, pool, adapter, cache=cache)
        for metric in OF_FEATURES:
            metric.function()(generation)
    assert sorted(adapter.extractor.asked) == [1, 20, 30, 31, 40]


def test_names_do_not_collide_with_those_of_other_modalities() -> None:
    known = metrics.by_name()
    assert all(known[name] == (metric,) for name, metric in BY_NAME.items())


def test_too_few_held_out_images_are_refused() -> None:
    with pytest.raises(UserError, match="5 images, and 6 are needed"):
        value("frechet", normal(5, 3, "real"), normal(60, 3, "other"))


def test_frechet_of_commuting_gaussians_is_the_closed_form() -> None:
    one, two = torch.tensor([1.0, 4.0, 9.0]).double(), torch.tensor([4.0, 4.0, 0.25]).double()
    shift = torch.tensor([1.0, -2.0, 0.0]).double()
    turn = torch.linalg.qr(normal(3, 3, "turn")).Q
    a = exactly(40, torch.zeros(3).double(), turn @ one.diag() @ turn.T, "a")
    b = exactly(50, shift, turn @ two.diag() @ turn.T, "b")
    expected = math.sqrt(float(shift.square().sum() + (one.sqrt() - two.sqrt()).square().sum()))
    assert value("frechet", a, b) == pytest.approx(expected)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(12, 40))
def test_frechet_is_that_of_the_textbook_formula(seed: int, columns: int, n: int) -> None:
    a, b = normal(n, columns, f"a{seed}"), 2 * normal(n + 3, columns, f"b{seed}") + 1
    one, two = np.cov(a.T), np.cov(b.T)
    squared = float((a.mean(0) - b.mean(0)).square().sum()) + np.trace(one + two - 2 * sqrtm(one @ two).real)
    assert value("frechet", a, b) == pytest.approx(math.sqrt(squared), rel=1e-6)
    assert value("frechet", a, b) == pytest.approx(value("frechet", b, a), rel=1e-6)
    assert value("frechet", a, a) == pytest.approx(0, abs=1e-5)
    assert value("frechet", a, a + 2) == pytest.approx(2 * math.sqrt(columns))


@pytest.mark.parametrize("extractor", ["pixels", "inception"])
def test_frechet_of_one_image_repeated_is_known_though_its_covariance_is_zero(extractor: str) -> None:
    a, adapter = normal(60, 8, "a"), Adapter(Pixels(extractor))
    expected = math.sqrt(float((a[0] - a.mean(0)).square().sum() + torch.cov(a.T).trace()))
    assert value("frechet", a, a[:1].repeat(50, 1), adapter=adapter) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("extractor", ["pixels", "inception"])
def test_frechet_takes_fewer_images_than_features(extractor: str) -> None:
    a, b, adapter = normal(20, 60, "a"), 0.5 * normal(15, 60, "b") + 0.2, Adapter(Pixels(extractor))
    # tr (C C')^1/2 is the sum of the singular values of the product of the two centred samples.
    one, two = ((x - x.mean(0)) / math.sqrt(len(x) - 1) for x in (a, b))
    cross = torch.linalg.svdvals(one @ two.T).sum()
    squared = (a.mean(0) - b.mean(0)).square().sum() + one.square().sum() + two.square().sum() - 2 * cross
    assert value("frechet", a, b, adapter=adapter) == pytest.approx(math.sqrt(float(squared)), rel=1e-4)


def test_frechet_of_inception_is_clean_fids_and_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import cleanfid.fid

    a, b = normal(60, 8, "a"), 2 * normal(50, 8, "b")
    reference = float(cleanfid.fid.fid_from_feats(a.numpy(), b.numpy()))
    assert value("frechet", a, b, adapter=Adapter(Pixels("inception"))) == pytest.approx(math.sqrt(reference), rel=1e-12)
    assert distances.torchmetrics_frechet(a, b) == pytest.approx(reference, rel=1e-9)
    nearly_repeated = a[:1].repeat(50, 1)
    nearly_repeated[0, 0] += 1  # a covariance of rank 1
    assert distances.clean_fid_frechet(a, nearly_repeated) == pytest.approx(distances.torchmetrics_frechet(a, nearly_repeated))

    def imaginary(*_: Any, **__: Any) -> float:
        raise ValueError("Imaginary component 3.0")

    monkeypatch.setattr(cleanfid.fid, "frechet_distance", imaginary)
    assert distances.clean_fid_frechet(a, b) == distances.torchmetrics_frechet(a, b)
    assert capsys.readouterr().out == ""


def unbiased_discrepancy(a: Tensor, b: Tensor) -> float:
    """KID by its definition: the squared maximum mean discrepancy without the pairs of an image with itself."""

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x: Tensor) -> Tensor:
        return (kernel(x, x).sum() - kernel(x, x).diag().sum()) / (len(x) * (len(x) - 1))

    return float(within(a) + within(b) - 2 * kernel(a, b).mean())


def test_kid_is_its_definition_where_a_subset_is_everything() -> None:
    a, b = normal(80, 6, "a"), 1.5 * normal(80, 6, "b") + 0.3
    assert value("kid", a, b) == pytest.approx(unbiased_discrepancy(a, b), rel=1e-9)
    assert value("kid_spread", a, b) == pytest.approx(0, abs=1e-9)


def test_kid_of_many_is_its_definition_on_average() -> None:
    a, b = normal(500, 6, "a"), normal(400, 6, "b") + 0.3
    measured, spread = value("kid", a, b), value("kid_spread", a, b)
    assert spread > 0
    # A hundred subsets of a fifth share images: their mean is uncertain by more than spread / 10, by less than spread / 2.
    assert measured == pytest.approx(unbiased_discrepancy(a, b), abs=spread / 2)
    assert abs(value("kid", a, normal(400, 6, "c"))) < spread < measured < value("kid", a, a[:1].repeat(400, 1))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(7, 60), st.floats(0.3, 3))
def test_neighbourhoods_are_those_of_an_independent_package(seed: int, columns: int, n: int, scale: float) -> None:
    a, b = normal(50, columns, f"a{seed}"), scale * normal(n, columns, f"b{seed}")
    reference = compute_prdc(a.numpy(), b.numpy(), nearest_k=5)
    generation = inputs(a, b)
    assert {name: BY_NAME[name].function()(generation) for name in NEIGHBOURS} == pytest.approx(reference)


def test_neighbourhoods_of_equal_laws_and_of_one_image_repeated() -> None:
    a, b = normal(1000, 3, "a"), normal(1000, 3, "b")
    assert value("density", a, b) == pytest.approx(1, abs=0.05)
    # 1 - C(n, k) / C(2n, k), of which the paper shows that it is the expectation (Naeem et al., 2020, section 3.3)
    assert value("coverage", a, b) == pytest.approx(1 - 2**-5, abs=0.02)
    assert value("precision", a, b) > 0.9 < value("recall", a, b)
    point = a[:1].repeat(1000, 1)
    assert value("precision", a, point) == 1
    assert value("recall", a, point) == 0
    assert value("coverage", a, point) < 0.02
    assert value("precision", a, point + 100) == value("density", a, point + 100) == value("coverage", a, point + 100) == 0


@pytest.mark.parametrize("size", [100, 400, 4000])
def test_memorisation_tells_copies_of_the_pool_from_unseen_images(size: int) -> None:
    real, unseen, pool = normal(400, 6, "real"), normal(400, 6, "unseen"), normal(size, 6, "pool")
    copies = pool[torch.randint(size, (300,), generator=stream("copies"))]
    assert value("memorisation", real, real, pool) == 1
    assert value("memorisation", real, unseen, pool) == pytest.approx(1, abs=0.06)
    assert value("memorisation", real, 0.3 * unseen, pool) == pytest.approx(1, abs=0.12)  # crowded, but not learnt by heart
    assert value("memorisation", real, copies, pool) == pytest.approx(0, abs=1e-6)
    assert 0.05 < value("memorisation", real, copies + 0.1 * normal(300, 6, "noise"), pool) < 0.5
    assert value("memorisation", real, torch.cat([copies[:90], unseen[:210]]), pool) > 0.5  # a median: what most images are


def test_memorisation_of_a_large_pool_looks_at_some_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MOST_OF_POOL", 30)
    adapter = Adapter()
    value("memorisation", normal(20, 3, "real"), normal(10, 3, "other"), normal(500, 3, "pool"), adapter)
    assert sorted(adapter.extractor.asked) == [10, 20, 30]


def classes(*counts: int) -> Tensor:
    """Images of each of the four classes, so many."""
    place = torch.repeat_interleave(torch.arange(4), torch.tensor(counts))
    return torch.stack([(place + 0.5) / 4, torch.rand(len(place), generator=stream("classes"))], dim=1).double()


def test_class_entropy_is_in_bits() -> None:
    real = classes(10, 10, 10, 10)
    assert value("class_entropy", real, classes(20, 20, 20, 20)) == pytest.approx(2)
    assert value("class_entropy", real, classes(40, 40, 0, 0)) == pytest.approx(1)
    assert value("class_entropy", real, classes(0, 0, 80, 0)) == 0


def test_a_class_is_dead_below_a_tenth_of_its_real_share() -> None:
    real = classes(50, 30, 20, 0)
    assert value("dead_classes", real, classes(50, 30, 20, 0)) == 0
    assert value("dead_classes", real, classes(93, 4, 3, 0)) == 0
    assert value("dead_classes", real, classes(95, 2, 3, 0)) == 1
    assert value("dead_classes", real, classes(100, 0, 0, 0)) == 2  # the fourth never lived
    assert value("dead_classes", real, classes(0, 0, 0, 100)) == 3


def test_without_labels_there_are_no_classes() -> None:
    adapter = Adapter()
    adapter.classifier = None
    for name in ("class_entropy", "dead_classes"):
        assert math.isnan(value(name, classes(9, 9, 9, 9), classes(20, 20, 20, 20), adapter=adapter))


def test_pixel_variance_is_the_ratio_of_mean_variances() -> None:
    real = normal(100, 4, "real") * torch.tensor([1.0, 2.0, 3.0, 0.0])
    assert value("pixel_variance", real, real + 5) == pytest.approx(1)
    assert value("pixel_variance", real, 0.5 * real) == pytest.approx(0.25)
    assert value("pixel_variance", real, real[:1].repeat(60, 1)) == pytest.approx(0)
    only_third = real * torch.tensor([0.0, 0.0, 1.0, 0.0])
    assert value("pixel_variance", real, only_third) == pytest.approx(float(real[:, 2].var() / real.var(0).sum()))


class Encoder:
    """A model of generation 0 as far as a metric asks: two latent dimensions, the second of which never varies."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.asked.append(len(x))
        mean = torch.stack([x.flatten(1).sum(1), torch.ones(len(x))], dim=1)
        return mean, torch.randn_like(mean)


def test_latent_std_is_that_of_all_latent_means_of_100_images_under_the_first_encoder() -> None:
    first, real = Encoder(), torch.randn(200, 4, generator=stream("latent_std"))
    std = value("latent_std", real, real, first=lambda: first)
    assert std == pytest.approx(float(first.encode(real[:100])[0].std()), rel=1e-6)
    assert value("latent_std", real, 3 * real, first=lambda: first) > 2 * std  # absolute, whatever real images have


def test_latent_spread_is_the_root_of_a_ratio_of_variances_under_the_first_encoder() -> None:
    real, first, cache = normal(300, 4, "real"), Encoder(), dict[str, Any]()
    for factor in (1.0, 0.5, 0.0):
        assert value("latent_spread", real, factor * real + 3, cache=cache, first=lambda: first) == pytest.approx(factor)
    assert sum(first.asked) == 4 * len(real)  # the real images once, the synthetic ones of three generations
    assert math.isnan(value("latent_spread", torch.ones(20, 4), real, first=lambda: first))


@pytest.fixture(scope="module")
def digits() -> VAEAdapter:
    return VAEAdapter(VAEConfig(device="cpu"), ImageData(source="digits"))


def test_the_fidelity_metric_has_range_between_unseen_digits_and_one_digit_repeated(digits: VAEAdapter) -> None:
    assert digits.images.labels is not None
    train, cache = digits.splits.train["x"], dict[str, Any]()
    kinds = {
        "unseen": digits.splits.validation["x"],
        "floor": train[:300],
        "narrow": train[digits.images.labels < 5][:300],
        "blurred": gaussian_blur(train[:300], [5, 5], [1.0, 1.0]),
    }
    frechet = BY_NAME["frechet"]
    measured = {kind: frechet.function()(MetricInputs(digits, Samples.real(x=x), cache=cache)) for kind, x in kinds.items()}
    nulls = measure_nulls(digits, frechet, 300)
    assert max(measured["unseen"], measured["floor"]) < 0.15 * np.median(nulls)
    assert 0.2 * np.median(nulls) < min(measured["narrow"], measured["blurred"])
    assert max(measured.values()) < min(nulls)
    assert np.median(nulls) == pytest.approx(math.sqrt(2 * 64), rel=0.05)  # what the scale of the features is for


def test_the_classes_of_digits_are_seen_and_missed(digits: VAEAdapter) -> None:
    assert digits.images.labels is not None
    five = digits.splits.train["x"][digits.images.labels < 5]
    for x, entropy, dead in ((digits.splits.validation["x"], 10, 0), (five, 5, 5)):
        generation = MetricInputs(digits, Samples.real(x=x))
        assert BY_NAME["class_entropy"].function()(generation) == pytest.approx(math.log2(entropy), abs=0.05)
        assert BY_NAME["dead_classes"].function()(generation) == dead
