"""The objectives, held against their definitions: closed forms, brute force, NumPy, and finite differences."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fortifai import objectives
from fortifai.errors import UnknownName, UserError
from fortifai.objectives import (
    AdaptiveTruncation,
    CalibratedTruncation,
    CrossEntropy,
    Focal,
    Objective,
    OnlineTruncation,
    QuantileTruncation,
    TruncatedCrossEntropy,
    resolve,
)
from fortifai.objectives.truncated import ADAPTIVE_BATCHES

EVERY = (
    "ce",
    "tce:gamma=0.7",
    "tce-quantile:keep=0.8",
    "tce-adaptive:alpha=0.5",
    "tce-calibrated",
    "tce-online",
    "focal:gamma=2",
)
NEUTRAL = ("tce:gamma=1", "tce-quantile:keep=1", "focal:gamma=0")
DTYPES = (torch.float32, torch.float64, torch.bfloat16)
SHAPES = ((), (1,), (7,), (4, 33), (2, 3, 5))

probabilities = st.lists(st.floats(0.001, 1), min_size=1, max_size=60)
thresholds = st.floats(0.001, 1)


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def element_losses(shape: tuple[int, ...], dtype: torch.dtype = torch.float64, seed: int = 0) -> torch.Tensor:
    """Losses of some elements the model is sure of, exactly sure in the first, and of others it is not."""
    rng = torch.Generator().manual_seed(seed)
    nll = -torch.rand(shape, generator=rng, dtype=torch.float64).clamp(min=1e-3).log()
    if nll.dim() and nll.numel():
        nll.view(-1)[0] = 0
    return nll.to(dtype)


# The definition


@given(probabilities, thresholds)
def test_tce_sums_what_it_keeps_and_divides_by_all_elements(p, gamma):
    nll = -np.log(p)
    expected = sum(loss for loss, q in zip(nll, p, strict=True) if q <= gamma) / len(p)
    got = TruncatedCrossEntropy(gamma=gamma).loss(torch.tensor(nll), torch.tensor(p, dtype=torch.float64))
    assert got.item() == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_tce_keeps_an_element_whose_confidence_equals_gamma():
    p = torch.tensor([0.5, 0.5 + 2**-20])
    assert TruncatedCrossEntropy(gamma=0.5).weights(p).tolist() == [1, 0]


@given(probabilities)
def test_cross_entropy_is_the_plain_mean(p):
    nll = -torch.tensor(p, dtype=torch.float64).log()
    assert CrossEntropy().loss(nll, torch.tensor(p)) == nll.mean()


@given(probabilities, st.floats(0, 5))
def test_focal_weighs_by_a_power_of_the_doubt(p, gamma):
    nll = -np.log(p)
    got = Focal(gamma=gamma).loss(torch.tensor(nll), torch.tensor(p, dtype=torch.float64))
    assert got.item() == pytest.approx(np.mean((1 - np.array(p)) ** gamma * nll), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NEUTRAL)
def test_an_objective_that_masks_nothing_is_cross_entropy_to_the_last_bit(name, dtype, shape):
    values, gradients = [], []
    for objective in (resolve("ce"), resolve(name)):
        nll = element_losses(shape, dtype).requires_grad_()
        loss = objective.loss(nll, torch.exp(-nll))
        loss.backward()
        values.append(bits(loss))
        gradients.append(bits(nll.grad))
    assert values[0] == values[1]
    assert gradients[0] == gradients[1]


@pytest.mark.parametrize("name", NEUTRAL)
def test_a_confidence_that_rounding_lifted_above_one_still_counts_where_nothing_is_masked(name):
    p = torch.tensor([1.0000001, 0.5])
    assert resolve(name).weights(p).tolist() == [1, 1]


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [*SHAPES, (0,), (0, 3)])
def test_weights_have_the_shape_and_type_of_the_confidence_carry_no_gradient_and_stay_within_0_and_1(name, dtype, shape):
    confidence = torch.exp(-element_losses(shape, dtype)).requires_grad_()
    weights = resolve(name).weights(confidence)
    assert weights.shape == confidence.shape
    assert weights.dtype == dtype
    assert not weights.requires_grad
    assert ((weights >= 0) & (weights <= 1)).all()


@pytest.mark.parametrize("name", EVERY)
@given(probabilities)
def test_more_confidence_never_means_more_weight(name, p):
    ordered = torch.tensor(sorted(p), dtype=torch.float64)
    assert (resolve(name).weights(ordered).diff() <= 0).all()


@pytest.mark.parametrize("name", EVERY)
def test_the_loss_of_no_elements_is_nan_as_any_mean_of_nothing(name):
    nothing = torch.empty(0)
    assert resolve(name).loss(nothing, nothing).isnan()


@pytest.mark.parametrize("name", EVERY)
def test_a_nan_from_the_model_reaches_the_loss_and_is_not_masked_away(name):
    nll = torch.tensor([0.1, float("nan"), 2.0, 0.3])
    assert resolve(name).loss(nll, torch.exp(-nll)).isnan()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_does_not_round_gamma_up_to_one(dtype):
    p = torch.tensor([0.5, 1.0], dtype=dtype)
    assert TruncatedCrossEntropy(gamma=0.9999).weights(p).tolist() == [1, 0]


# Gradients


@given(probabilities, thresholds, st.sampled_from(DTYPES))
def test_the_mask_of_tce_carries_no_gradient(p, gamma, dtype):
    nll = (-torch.tensor(p, dtype=torch.float64).log()).to(dtype).requires_grad_()
    confidence = torch.exp(-nll)
    objective = TruncatedCrossEntropy(gamma=gamma)
    objective.loss(nll, confidence).backward()
    mask = objective.weights(confidence)
    assert torch.equal(nll.grad, mask * (torch.ones((), dtype=dtype) / len(p)))


@pytest.mark.parametrize("name", ["tce-quantile:keep=0.6", "tce-adaptive:alpha=0"])
def test_thresholds_estimated_from_the_confidence_carry_no_gradient(name):
    nll = element_losses((5, 8)).requires_grad_()
    confidence = torch.exp(-nll)
    objective = resolve(name)
    objective.loss(nll, confidence).backward()
    mask = objective.weights(confidence)
    assert 0 < mask.mean() < 1
    assert torch.equal(nll.grad, mask / nll.numel())


@pytest.mark.parametrize("gamma", [0.5, 1, 2, 3.7])
def test_focal_differentiates_its_factor(gamma):
    nll = (element_losses((3, 4)) + 0.05).requires_grad_()
    focal = Focal(gamma=gamma)
    assert torch.autograd.gradcheck(lambda loss: focal.loss(loss, torch.exp(-loss)), nll)
    focal.loss(nll, torch.exp(-nll)).backward()
    with torch.no_grad():
        p = torch.exp(-nll)
        closed = (gamma * (1 - p) ** (gamma - 1) * p * nll + (1 - p) ** gamma) / nll.numel()
    torch.testing.assert_close(nll.grad, closed)
    assert not torch.allclose(nll.grad, focal.weights(p) / nll.numel()), "as if the factor were detached"


@pytest.mark.parametrize("gamma", [0, 0.01, 0.5, 1, 2])
def test_focal_stays_finite_where_the_model_is_certain(gamma):
    nll = torch.tensor([0.0, 1e-9, 0.3]).requires_grad_()
    confidence = torch.exp(-nll) * torch.tensor([1.0000001, 1, 1])
    loss = Focal(gamma=gamma).loss(nll, confidence)
    loss.backward()
    assert loss.isfinite()
    assert nll.grad.isfinite().all()


# Quantile


def brute_force_quantile(p: list[float], mass: list[int], keep: Fraction) -> list[float]:
    total = sum(mass)
    for level in sorted(p):
        if sum(m for q, m in zip(p, mass, strict=True) if q <= level) >= keep * total:
            return [float(q <= level) for q in p]
    raise AssertionError("the highest level holds all the mass")


tied = st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]) | st.floats(0, 1), st.integers(0, 5)), min_size=1, max_size=40)


@given(tied, st.integers(1, 99))
def test_quantile_tce_agrees_with_brute_force_on_ties_and_masses(elements, percent):
    p, mass = (list(column) for column in zip(*elements, strict=True))
    mass[0] += 1  # some mass must be there
    got = QuantileTruncation(keep=percent / 100).weights(torch.tensor(p, dtype=torch.float64), torch.tensor(mass).double())
    assert got.tolist() == brute_force_quantile(p, mass, Fraction(percent, 100))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=100, unique=True), st.integers(1, 100), st.randoms())
def test_quantile_tce_keeps_its_share_in_any_order(p, percent, random):
    random.shuffle(p)
    weights = QuantileTruncation(keep=percent / 100).weights(torch.tensor(p, dtype=torch.float64))
    assert weights.sum() == -(-len(p) * percent // 100)
    assert [q for q, w in zip(p, weights.tolist(), strict=True) if w] == [q for q in p if q <= sorted(p)[int(weights.sum()) - 1]]


@given(tied, st.integers(1, 100))
def test_equal_masses_are_no_masses(elements, percent):
    p = torch.tensor([q for q, _ in elements])
    objective = QuantileTruncation(keep=percent / 100)
    assert torch.equal(objective.weights(p), objective.weights(p, torch.full_like(p, 0.25)))


def test_quantile_tce_looks_at_all_elements_of_any_shape_together():
    p = torch.arange(12, dtype=torch.float32).reshape(3, 4) / 12
    assert QuantileTruncation(keep=0.5).weights(p).tolist() == [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]]


def test_elements_without_mass_do_not_move_the_quantile():
    p = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.01, 0.02])
    mass = torch.tensor([1.0, 1, 1, 1, 0, 0])
    assert QuantileTruncation(keep=0.5).weights(p, mass).tolist() == [1, 1, 0, 0, 1, 1]


# Adaptive


@given(st.integers(1, 400), st.floats(-3, 3), st.integers(0, 2**31))
def test_adaptive_tce_sets_gamma_from_the_batch_means(n, alpha, seed):
    p = np.random.default_rng(seed).uniform(size=n)
    means = np.array([batch.mean() for batch in np.array_split(p, min(n, ADAPTIVE_BATCHES))])
    expected = np.clip(means.mean() + alpha * means.std(), 0, 1)
    adapted = AdaptiveTruncation(alpha=alpha).adapt(torch.tensor(p))
    assert isinstance(adapted, TruncatedCrossEntropy)
    assert adapted.gamma == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_adaptive_tce_averages_in_double_precision(dtype):
    p = torch.linspace(0.97, 0.99, 4096).to(dtype)
    exact = AdaptiveTruncation(alpha=1).adapt(p.double()).gamma
    assert AdaptiveTruncation(alpha=1).adapt(p).gamma == pytest.approx(exact, abs=1e-9)


def test_adaptive_tce_without_adapting_uses_the_tensor_at_hand():
    p = torch.exp(-element_losses((64,)))
    objective = AdaptiveTruncation(alpha=0)
    assert torch.equal(objective.weights(p), objective.adapt(p).weights(p))
    assert torch.equal(objective.weights(p), (p <= p.mean()).double())


@pytest.mark.parametrize("name", [name for name in EVERY if not name.startswith("tce-adaptive")])
def test_a_fixed_objective_adapts_to_nothing(name):
    objective = resolve(name)
    assert objective.adapt(torch.tensor([0.1, 0.9])) is objective


@pytest.mark.parametrize("name", [name for name in EVERY if not name.startswith("tce-online")])
def test_an_objective_that_is_the_same_in_every_generation_says_so(name):
    objective = resolve(name)
    assert objective.for_generation([1.0, 0.5]) is objective
    assert not objective.follows_own_nll


# Names


def test_the_registry_knows_the_documented_objectives():
    assert list(objectives.registry) == ["ce", "focal", "tce", "tce-adaptive", "tce-calibrated", "tce-online", "tce-quantile"]
    for name in objectives.registry:
        assert objectives.registry.get(name).summary(), f"{name} says nothing about itself"


some_objective: st.SearchStrategy[Objective] = st.one_of(
    st.just(CrossEntropy()),
    st.builds(TruncatedCrossEntropy, gamma=st.floats(0, 1, exclude_min=True)),
    st.builds(QuantileTruncation, keep=st.floats(0, 1, exclude_min=True)),
    st.builds(AdaptiveTruncation, alpha=st.floats(allow_nan=False, allow_infinity=False)),
    st.builds(CalibratedTruncation, dimensions=st.integers(1, 100)),
    st.builds(OnlineTruncation, gain=st.floats(0, exclude_min=True, allow_infinity=False), dimensions=st.integers(1, 100)),
    st.builds(Focal, gamma=st.floats(0, allow_infinity=False)),
)


@given(some_objective)
def test_a_canonical_name_names_its_objective(objective):
    again = resolve(objective.canonical)
    assert again == objective
    assert again.canonical == str(objective) == objective.canonical


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("ce", "ce"),
        ("tce", "tce:gamma=0.9"),
        ("tce:", "tce:gamma=0.9"),
        (" tce : gamma = 0.90 ", "tce:gamma=0.9"),
        ("tce:gamma=1.0", "tce:gamma=1"),
        ("tce:gamma=9e-1", "tce:gamma=0.9"),
        ("tce-quantile", "tce-quantile:keep=0.98"),
        ("tce-adaptive:alpha=-1", "tce-adaptive:alpha=-1"),
        ("tce-online:gain=2.0", "tce-online:dimensions=1,gain=2"),
        ("focal", "focal:gamma=2"),
    ],
)
def test_every_spelling_has_one_canonical_name(spelling, canonical):
    assert resolve(spelling).canonical == canonical


@pytest.mark.parametrize(
    ("spelling", "units", "canonical"),
    [
        ("tce:gamma=0.9", (), "tce:gamma=0.9"),
        ("tce:gamma=0.9", ("pixel", "sample"), "tce:gamma=0.9,unit=pixel"),
        ("tce:unit=sample,gamma=0.9", ("pixel", "sample"), "tce:gamma=0.9,unit=sample"),
        ("focal", ("pixel", "sample"), "focal:gamma=2,unit=pixel"),
        ("ce", ("pixel", "sample"), "ce"),
    ],
)
def test_where_there_is_a_choice_of_units_a_name_says_which(spelling, units, canonical):
    found = objectives.resolve_for(spelling, units)
    assert found.canonical == canonical
    assert objectives.resolve_for(canonical, units) == found


@pytest.mark.parametrize(
    ("units", "known"), [((), "this modality has one kind of element only"), (("pixel", "sample"), "known: pixel, sample")]
)
def test_a_unit_that_a_modality_does_not_have_is_refused(units, known):
    with pytest.raises(UserError, match=rf"objective 'tce:gamma=0.9,unit=row': unknown unit 'row' \({known}\)"):
        objectives.resolve_for("tce:gamma=0.9,unit=row", units)


def test_a_threshold_that_is_estimated_keeps_its_unit():
    assert resolve("tce-adaptive:unit=sample").adapt(torch.rand(32)).unit == "sample"
    assert resolve("tce-online:unit=sample").for_generation([1.0, 0.9]).unit == "sample"


def test_an_objective_passes_through():
    objective = Focal(gamma=3)
    assert resolve(objective) is objective


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tce:gamma=0", "gamma.*greater than 0.*'0'"),
        ("tce:gamma=-0.1", "gamma.*greater than 0"),
        ("tce:gamma=1.0001", "gamma.*less than or equal to 1.*'1.0001'"),
        ("tce:gamma=nan", "gamma.*finite"),
        ("tce:gamma=inf", "gamma.*finite"),
        ("tce:gamma=high", "gamma.*number.*'high'"),
        ("tce:gama=0.5", r"gama: unknown key \(known: unit, gamma\)"),
        ("tce:gamma=0.5,gamma=0.6", "'gamma=0.6'.*each key once"),
        ("tce:gamma", "'gamma' should be key=value"),
        ("tce:gamma=", "'gamma=' should be key=value"),
        ("ce:gamma=1", "gamma: unknown key"),
        ("tce-quantile:keep=0", "keep.*greater than 0"),
        ("tce-quantile:keep=1.5", "keep.*less than or equal to 1"),
        ("tce-adaptive:alpha=nan", "alpha.*finite"),
        ("tce-online:gain=0", "gain.*greater than 0"),
        ("tce-online:dimensions=0", "dimensions.*greater than or equal to 1"),
        ("focal:gamma=-1", "gamma.*greater than or equal to 0"),
        ("focal:gamma=1e400", "gamma.*finite"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_wrong(text, said):
    with pytest.raises(UserError, match=said) as caught:
        resolve(text)
    assert f"objective {text!r}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "nearest"), [("tec", "'tce'"), ("tce-quantil:keep=0.5", "'tce-quantile'"), ("focl", "'focal'")])
def test_an_unknown_objective_is_answered_with_the_nearest(text, nearest):
    with pytest.raises(UnknownName, match=f"unknown objective .*did you mean .*{nearest}.*fortifai list objectives"):
        resolve(text)


def test_an_objective_cannot_be_changed():
    objective = TruncatedCrossEntropy(gamma=0.5)
    with pytest.raises(ValueError, match="frozen"):
        objective.gamma = 0.6


def test_naming_an_objective_does_not_load_torch():
    code = "import sys; from fortifai.objectives import resolve; resolve('tce:gamma=0.5'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
