"""The fused loss, held against its definition on logits: value, gradients, memory of what it skips, and what it refuses."""

import math
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given
from hypothesis import strategies as st
from objectives_support import LOSING
from torch.utils.flop_counter import FlopCounterMode

from fortifai.errors import UserError
from fortifai.objectives import linear_cross_entropy, linear_nll, registry, resolve

EVERY = (
    "ce",
    "tce:gamma=0.3",
    "tce:gamma=1",
    "focal:gamma=2",
    "focal:gamma=0.5",
    "tce-quantile:keep=0.6",
    "tce-adaptive:alpha=0",
    "tce-calibrated",
    "tce-reverse:keep=0.6",
    "clpfocal:clip=0.9",
    "entropy:gamma=0.7",
)
V, D = 23, 6


class Layer:
    """Leaves of a graph: some tokens, an output layer, and targets of which every fifth is ignored."""

    def __init__(self, shape=(4, 9), dtype=torch.float32, bias=True, ignored=True, seed=0):
        rng = torch.Generator().manual_seed(seed)

        def leaf(*size):
            return torch.randn(size, generator=rng, dtype=torch.float64).mul(1.2).to(dtype).requires_grad_()

        self.hidden, self.weight, self.bias = leaf(*shape, D), leaf(V, D), leaf(V) if bias else None
        self.targets = torch.randint(V, shape, generator=rng)
        if ignored:
            self.targets.view(-1)[::5] = -100
        self.leaves = tuple(leaf for leaf in (self.hidden, self.weight, self.bias) if leaf is not None)

    def fused(self, objective, **options):
        return linear_cross_entropy(self.hidden, self.weight, self.targets, objective, bias=self.bias, **options)

    def nll(self):
        logits = self.hidden @ self.weight.T + (0 if self.bias is None else self.bias)
        return F.cross_entropy(logits.reshape(-1, V), self.targets.reshape(-1), reduction="none")[
            self.targets.reshape(-1) != -100
        ]

    def unfused(self, objective):
        nll = self.nll()
        return resolve(objective).loss(nll, torch.exp(-nll))

    def gradients(self, loss):
        return torch.autograd.grad(loss, self.leaves)


def relative(got, expected):
    return float((got - expected).norm() / expected.norm().clamp(min=1e-30))


# The definition


def test_the_list_has_every_objective_that_weighs_by_confidence_alone():
    untested = set(registry) - {name.partition(":")[0] for name in EVERY}
    assert all(registry.get(name).remembers for name in untested), "add it to EVERY"


@pytest.mark.parametrize("chunk_size", [1, 5, None])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", EVERY)
def test_loss_and_gradients_are_those_of_the_definition(name, bias, chunk_size):
    layer = Layer(bias=bias)
    loss, expected = layer.fused(name, chunk_size=chunk_size), layer.unfused(name)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for got, wanted in zip(layer.gradients(loss), layer.gradients(expected), strict=True):
        assert got.dtype == wanted.dtype
        assert relative(got, wanted) < 1e-5


@pytest.mark.parametrize("name", [name for name in EVERY if name != "entropy:gamma=0.7"])  # whose factor has no gradient
def test_gradients_agree_with_finite_differences(name):
    layer = Layer((2, 5), torch.float64)
    assert torch.autograd.gradcheck(lambda *_: layer.fused(name, chunk_size=3), layer.leaves)


@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 14), st.floats(0.02, 0.9))
def test_tce_is_what_numpy_makes_of_its_definition(seed, n, chunk_size, gamma):
    """Written out: p - 1 at the target for every token whose p_t is at most gamma, over all tokens."""
    layer = Layer((n,), torch.float64, seed=seed, ignored=False)
    h, w, b = (leaf.detach().numpy() for leaf in layer.leaves)
    t = layer.targets.numpy()
    p = np.exp(h @ w.T + b)
    p /= p.sum(1, keepdims=True)
    confidence = p[np.arange(n), t]
    kept = confidence <= gamma
    by_logits = (p - np.eye(V)[t]) * kept[:, None] / n
    loss, returned = layer.fused(f"tce:gamma={gamma}", chunk_size=chunk_size, return_confidence=True)
    assert loss.item() == pytest.approx(-np.log(confidence[kept]).sum() / n, rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(returned.numpy(), confidence, rtol=1e-9)
    for got, wanted in zip(layer.gradients(loss), (by_logits @ w, by_logits.T @ h, by_logits.sum(0)), strict=True):
        np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-7, atol=1e-12)


def test_cross_entropy_is_that_of_torch_at_extreme_logits():
    hidden = torch.tensor([[3e4, -3e4], [-200.0, 0.0], [0.0, 0.0]], requires_grad=True)
    weight = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    targets = torch.tensor([1, 0, 2])
    got, expected = linear_cross_entropy(hidden, weight, targets, "ce"), F.cross_entropy(hidden @ weight.T, targets)
    assert got.item() == pytest.approx(expected.item(), rel=1e-6)
    torch.testing.assert_close(*(torch.autograd.grad(loss, hidden)[0] for loss in (got, expected)))


@pytest.mark.parametrize("name", ["ce", "tce:gamma=0.3", "tce-quantile:keep=0.6"])
def test_a_normalizer_takes_the_place_of_the_number_of_tokens(name):
    layer = Layer()
    count = int((layer.targets != -100).sum())
    for normalizer in (40, torch.tensor(40)):
        loss, expected = layer.fused(name, normalizer=normalizer), layer.unfused(name) * count / 40
        assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
        for got, wanted in zip(layer.gradients(loss), layer.gradients(expected), strict=True):
            assert relative(got, wanted) < 1e-5


@pytest.mark.parametrize("name", ["tce:gamma=0.3", "tce-quantile:keep=0.6"])
def test_tied_weights_get_both_their_gradients(name):
    rng = torch.Generator().manual_seed(0)
    embedding = torch.randn(V, D, generator=rng, requires_grad=True)
    tokens = torch.randint(V, (3, 8), generator=rng)
    hidden = torch.tanh(embedding[tokens[:, :-1]] * 2)
    fused = linear_cross_entropy(hidden, embedding, tokens[:, 1:], name, chunk_size=5)
    nll = F.cross_entropy((hidden @ embedding.T).reshape(-1, V), tokens[:, 1:].reshape(-1), reduction="none")
    unfused = resolve(name).loss(nll, torch.exp(-nll))
    got, wanted = (torch.autograd.grad(loss, embedding, retain_graph=True)[0] for loss in (fused, unfused))
    assert relative(got, wanted) < 1e-5


# Types


@pytest.mark.parametrize("name", ["ce", "tce:gamma=0.3", "tce-quantile:keep=0.6"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.02), (torch.float16, 0.003)])
def test_half_precision_keeps_its_sums_in_single(name, dtype, tolerance):
    layer = Layer((40,), dtype)
    exact = Layer((40,), dtype)
    exact.leaves = exact.hidden, exact.weight, exact.bias = tuple(
        leaf.detach().double().requires_grad_() for leaf in layer.leaves
    )
    loss, expected = layer.fused(name, chunk_size=3), exact.unfused(name)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=tolerance)
    for got, wanted in zip(layer.gradients(loss), exact.gradients(expected), strict=True):
        assert got.dtype == dtype
        assert relative(got.double(), wanted) < tolerance


def test_many_chunks_do_not_lose_a_gradient_in_bfloat16():
    """1,024 equal contributions: a sum kept in bfloat16 stops growing at 256 of them."""
    hidden = torch.ones(1024, 1, dtype=torch.bfloat16)
    weight = torch.zeros(2, 1, dtype=torch.bfloat16, requires_grad=True)
    linear_cross_entropy(hidden, weight, torch.zeros(1024, dtype=torch.int64), "ce", chunk_size=1).backward()
    assert weight.grad.flatten().tolist() == [-0.5, 0.5]


def test_autocast_computes_products_in_its_type_and_gives_gradients_in_theirs():
    layer = Layer((64,))
    exact = layer.gradients(layer.unfused("ce"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = layer.fused("ce", chunk_size=7)
    for got, wanted in zip(layer.gradients(loss), exact, strict=True):
        assert got.dtype == torch.float32
        assert 1e-5 < relative(got, wanted) < 0.02


# Nothing to do


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("shape", [(0,), (2, 0), (3, 4)])
def test_of_no_tokens_the_loss_is_nan_and_with_a_normalizer_nothing(name, shape):
    layer = Layer(shape)
    layer.targets.fill_(-100)
    assert layer.fused(name).isnan()
    loss = layer.fused(name, normalizer=8)
    assert loss.item() == 0
    assert all(not gradient.any() for gradient in layer.gradients(loss))


@pytest.mark.parametrize("name", ["tce:gamma=1e-9", "ce"])
def test_all_masked_is_a_loss_of_zero_without_gradient(name):
    layer = Layer()
    masked = name != "ce"
    loss = layer.fused(name)
    assert (loss.item() == 0) == masked
    assert all(bool(gradient.any()) != masked for gradient in layer.gradients(loss))


@pytest.mark.parametrize("name", ["ce", "tce:gamma=0.3", "tce-quantile:keep=0.6"])
def test_a_nan_reaches_the_loss_and_the_gradients(name):
    layer = Layer(ignored=False)
    with torch.no_grad():
        layer.hidden[1, 1, 0] = float("nan")
    loss = layer.fused(name)
    assert loss.isnan()
    assert layer.gradients(loss)[0].isnan().any()


# What is not needed is not computed


@pytest.mark.parametrize("name", ["tce:gamma=0.0001", "tce-quantile:keep=0.25", "ce"])
def test_the_flops_are_those_of_one_product_and_two_of_the_kept_tokens(name):
    layer = Layer(ignored=False)
    n = layer.targets.numel()
    p = torch.exp(-layer.nll().detach())
    kept = int(resolve(name).weights(p).sum())
    assert kept == n or 0 < kept < n / 2
    with FlopCounterMode(display=False) as counter:
        layer.fused(name, chunk_size=6).backward()
    products = n + (2 if resolve(name).elementwise else 3) * kept  # a threshold of the whole batch: kept logits once more
    assert counter.get_total_flops() == 2 * V * D * products


@pytest.mark.parametrize("frozen", ["hidden", "weight"])
def test_a_frozen_input_costs_no_product(frozen):
    layer = Layer(bias=False, ignored=False)
    getattr(layer, frozen).requires_grad_(False)
    with FlopCounterMode(display=False) as counter:
        layer.fused("ce").backward()
    assert counter.get_total_flops() == 2 * V * D * 2 * layer.targets.numel()
    assert getattr(layer, frozen).grad is None


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, nullcontext])
def test_without_gradients_only_the_loss_is_computed(context):
    layer = Layer(bias=False, ignored=False)
    for leaf in layer.leaves if context is nullcontext else ():
        leaf.requires_grad_(False)
    with FlopCounterMode(display=False) as counter, context():
        loss = layer.fused("tce:gamma=0.3")
    assert counter.get_total_flops() == 2 * V * D * layer.targets.numel()
    assert not loss.requires_grad
    assert loss.item() == pytest.approx(layer.unfused("tce:gamma=0.3").item(), rel=1e-5)


# The backward pass


def test_the_gradients_are_scaled_by_what_comes_from_above():
    layer = Layer()
    (plain, scaled) = (layer.gradients(layer.fused("ce") * factor) for factor in (1, -2.5))
    for one, other in zip(plain, scaled, strict=True):
        torch.testing.assert_close(-2.5 * one, other)


def test_a_graph_that_is_kept_gives_the_same_gradients_again_and_no_shared_memory():
    layer = Layer()
    loss = layer.fused("tce:gamma=0.3")
    first = torch.autograd.grad(loss, layer.leaves, torch.tensor(2.0), retain_graph=True)
    second = torch.autograd.grad(loss, layer.leaves)
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, 2 * other)
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(loss, layer.leaves)


def test_the_weight_takes_its_gradient_over_without_a_copy():
    layer = Layer(bias=False)
    loss = layer.fused("ce")
    address = loss.grad_fn.gradients[1].data_ptr()
    loss.backward()
    assert layer.weight.grad.data_ptr() == address


def test_second_derivatives_are_refused():
    layer = Layer()
    with pytest.raises(UserError, match="no second derivatives"):
        torch.autograd.grad(layer.fused("focal"), layer.hidden, create_graph=True)


# Per token


def test_the_nll_of_every_token_is_zero_where_ignored():
    layer = Layer()
    got = linear_nll(layer.hidden, layer.weight, layer.targets, bias=layer.bias, chunk_size=5)
    logits = (layer.hidden @ layer.weight.T + layer.bias).detach()
    expected = F.cross_entropy(logits.movedim(-1, 1), layer.targets, reduction="none")
    assert not got.requires_grad
    torch.testing.assert_close(got, expected)
    assert (got == 0).sum() == (layer.targets == -100).sum() > 0


@pytest.mark.parametrize("name", ["tce:gamma=0.3", "tce-quantile:keep=0.6"])
@pytest.mark.parametrize("grad", [True, False])
def test_the_confidence_comes_with_the_loss_and_tells_the_share_that_was_masked(name, grad):
    layer = Layer()
    with torch.set_grad_enabled(grad):
        loss, confidence = layer.fused(name, return_confidence=True)
    assert torch.equal(loss, layer.fused(name))
    assert not confidence.requires_grad
    counted = layer.targets != -100
    assert torch.equal(confidence.isnan(), ~counted)
    torch.testing.assert_close(confidence[counted], torch.exp(-layer.nll().detach()))


def test_another_index_can_be_the_ignored_one():
    layer = Layer(ignored=False)
    got = layer.fused("ce", ignore_index=3)
    logits = (layer.hidden @ layer.weight.T + layer.bias).reshape(-1, V)
    assert got.item() == pytest.approx(F.cross_entropy(logits, layer.targets.reshape(-1), ignore_index=3).item(), rel=1e-6)


# What is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": torch.zeros(4, 9, D + 1)}, r"hidden should be \(\.\.\., 6\).*\(4, 9, 7\)"),
        ({"hidden": torch.tensor(1.0)}, r"hidden should be"),
        ({"weight": torch.zeros(V)}, r"weight should be \(vocabulary, width\).*\(23,\)"),
        ({"targets": torch.zeros(4, 8, dtype=torch.int64)}, r"targets should be \(4, 9\).*\(4, 8\)"),
        ({"targets": torch.zeros(4, 9, dtype=torch.int32)}, "targets should be int64, and are int32"),
        ({"targets": torch.full((4, 9), V)}, r"targets should lie in 0 \.\.\. 22 or be -100 .*from 23 to 23"),
        ({"targets": torch.full((4, 9), -1)}, "go from -1 to -1"),
        ({"bias": torch.zeros(V + 1)}, r"bias should be \(23,\).*\(24,\)"),
        ({"weight": torch.zeros(V, D, dtype=torch.int64)}, "weight should be a floating-point tensor, and is int64"),
        (
            {"weight": torch.zeros(V, D, dtype=torch.bfloat16)},
            "one dtype is needed, or autocast.*hidden float32, weight bfloat16",
        ),
        ({"weight": torch.zeros(V, D, device="meta")}, "weight is on meta, and hidden on cpu"),
        ({"chunk_size": 0}, "chunk_size should be at least 1"),
        ({"normalizer": 0}, "normalizer should be a number above 0, and is 0"),
        ({"normalizer": math.nan}, "normalizer"),
        ({"objective": "tec"}, "unknown objective 'tec'; did you mean 'tce'"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    layer = Layer()
    arguments = {"hidden": layer.hidden, "weight": layer.weight, "targets": layer.targets, "objective": "ce"} | change
    with pytest.raises(UserError, match=message):
        linear_cross_entropy(**arguments)


def test_an_objective_that_depends_on_a_chain_is_refused_until_the_chain_has_settled_it():
    layer, online = Layer(), resolve("tce-online")
    for objective in ("tce-online", online):
        with pytest.raises(UserError, match=r"'tce-online.*no chain runs here.*tce-quantile:keep=0\.95"):
            layer.fused(objective)
    settled = online.for_generation(LOSING)
    assert layer.fused(settled).item() == pytest.approx(layer.unfused(settled).item(), rel=1e-5)


def test_importing_the_objectives_does_not_load_torch():
    code = "import sys, fortifai.objectives as o; assert 'torch' not in sys.modules; o.linear_nll; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
