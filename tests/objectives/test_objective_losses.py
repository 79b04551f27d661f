"""Weights and losses of the objectives, held against their definitions: closed forms, NumPy, and finite differences."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from objectives_support import in_a_chain

from fortifai.objectives import CrossEntropy, Focal, TruncatedCrossEntropy, resolve

EVERY = (
    "ce",
    "tce:gamma=0.7",
    "tce-quantile:keep=0.8",
    "tce-adaptive:alpha=0.5",
    "tce-calibrated",
    "tce-online",
    "tce-anchored",
    "tce-reverse:keep=0.8",
    "focal:gamma=2",
    "clpfocal:clip=0.9",
    "entropy",
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
    weights = in_a_chain(name).weights(confidence)
    assert weights.shape == confidence.shape
    assert weights.dtype == dtype
    assert not weights.requires_grad
    assert ((weights >= 0) & (weights <= 1)).all()


AGAINST_THE_GRAIN = ("tce-reverse:keep=0.8", "clpfocal:clip=0.9")
"""What leaves out the least confident."""


@pytest.mark.parametrize("name", sorted(set(EVERY) - set(AGAINST_THE_GRAIN)))
@given(probabilities)
def test_more_confidence_never_means_more_weight(name, p):
    ordered = torch.tensor(sorted(p), dtype=torch.float64)
    assert (in_a_chain(name).weights(ordered).diff() <= 0).all()


@pytest.mark.parametrize("name", EVERY)
def test_the_loss_of_no_elements_is_nan_as_any_mean_of_nothing(name):
    nothing = torch.empty(0)
    assert in_a_chain(name).loss(nothing, nothing).isnan()


@pytest.mark.parametrize("name", EVERY)
def test_a_nan_from_the_model_reaches_the_loss_and_is_not_masked_away(name):
    nll = torch.tensor([0.1, float("nan"), 2.0, 0.3])
    assert in_a_chain(name).loss(nll, torch.exp(-nll)).isnan()


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


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=60), st.floats(0, 3), st.floats(0.1, 1))
def test_clipped_focal_is_focal_without_the_elements_whose_factor_is_above_the_clip(p, gamma, clip):
    nll, factor = -np.log(p), (1 - np.array(p)) ** gamma
    expected = np.where(factor > clip, 0, factor * nll).mean()
    got = resolve(f"clpfocal:gamma={gamma!r},clip={clip!r}").loss(torch.tensor(nll), torch.tensor(p, dtype=torch.float64))
    assert got.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_factor_of_entropy_weighting_has_no_gradient_and_that_of_focal_has():
    nll = torch.tensor([0.3, 1.2], dtype=torch.float64, requires_grad=True)
    p = torch.exp(-nll.detach())
    (weighted,) = torch.autograd.grad(resolve("entropy:gamma=0.5").loss(nll, torch.exp(-nll)), nll)
    assert torch.allclose(weighted, (1 - 0.5 * p) / 2)
    # d/dnll of (1 - p) nll with p = exp(-nll) is 1 - p + p nll.
    (through,) = torch.autograd.grad(resolve("clpfocal:gamma=1,clip=1").loss(nll, torch.exp(-nll)), nll)
    assert torch.allclose(through, (1 - p + p * nll.detach()) / 2)


@given(st.lists(st.floats(0.001, 1), min_size=10, max_size=60, unique=True))
def test_reverse_tce_leaves_out_the_least_confident(p):
    weights = resolve("tce-reverse:keep=0.9").weights(torch.tensor(p, dtype=torch.float64))
    assert float(weights.sum()) == pytest.approx(0.9 * len(p))
    least_kept = min(q for q, w in zip(p, weights.tolist(), strict=True) if w > 0)
    assert all(w == 1 for q, w in zip(p, weights.tolist(), strict=True) if q > least_kept)
