"""A fit of a language model: under an objective, weighted, within its budget, and the same however it is computed."""

import math

import pytest
import torch
from text_support import BLOCK, BLOCKS, adapter_of, fit, weights

from fortifai.errors import Diverged
from fortifai.modalities.text.config import Training
from fortifai.modalities.text.model import network
from fortifai.modalities.text.model.training import rate


def mean_nll(adapter, model, split="test"):
    return float(adapter.likelihood(model, getattr(adapter.splits, split)).nll.mean())


def test_training_lowers_the_loss_of_text_never_seen(short_text, fitted):
    adapter, model = fitted
    longer = fit(adapter_of(short_text, epochs=30))
    assert mean_nll(adapter, longer.model) < mean_nll(adapter, model) - 0.3
    assert longer.notes["training_tokens"] == 30 * BLOCKS * BLOCK


def test_the_share_of_masked_tokens_is_that_of_the_quantile(short_text):
    assert fit(adapter_of(short_text), "tce-quantile:keep=0.75").masked_share == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("objective", ["ce", "tce-adaptive:alpha=1", "focal:gamma=2"])
def test_the_same_stream_gives_the_same_model(short_text, objective):
    adapter = adapter_of(short_text)
    one, two, other = (weights(fit(adapter, objective, seed=seed).model) for seed in (0, 0, 1))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_a_warm_start_trains_on_and_leaves_its_model_alone(fitted):
    adapter, model = fitted
    before = weights(model).clone()
    assert float((weights(fit(adapter, init=model).model) - before).norm()) > 0
    assert torch.equal(weights(model), before)


def test_a_block_of_weight_two_is_a_block_twice(short_text):
    """One step on all blocks: the gradient of weights (2, 1, 0) is that of the blocks (first, first, second)."""
    adapter = adapter_of(short_text, epochs=1, batch=3)
    three = adapter.splits.train.take(slice(3))
    weighted = fit(adapter, samples=three.weighted(torch.tensor([2.0, 1.0, 0.0])))
    doubled = fit(adapter, samples=three.take(torch.tensor([0, 0, 1])))
    torch.testing.assert_close(weights(weighted.model), weights(doubled.model), rtol=1e-4, atol=1e-6)


def test_accumulating_gradients_changes_the_memory_and_not_the_model(short_text):
    whole, parts = (weights(fit(adapter_of(short_text, accumulate=k)).model) for k in (1, 3))
    torch.testing.assert_close(whole, parts, rtol=1e-3, atol=1e-5)


def test_recomputing_activations_changes_the_memory_and_not_the_model(short_text):
    plain, recomputed = (
        weights(fit(adapter_of(short_text, model={"gradient_checkpointing": recompute})).model) for recompute in (False, True)
    )
    assert torch.equal(recomputed, plain)


def test_bfloat16_products_train_float32_weights_to_about_the_same_model(short_text):
    exact, rough = (
        fit(adapter_of(short_text, model={"precision": precision}, epochs=10)).model for precision in ("float32", "bfloat16")
    )
    assert {p.dtype for p in rough.network.parameters()} == {torch.float32}
    assert not torch.equal(weights(exact), weights(rough))
    adapter = adapter_of(short_text, model={"precision": "float32"})
    assert mean_nll(adapter, rough) == pytest.approx(mean_nll(adapter, exact), rel=0.02)


def test_the_learning_rate_rises_and_falls_as_the_schedule_says(short_text):
    cosine = Training(schedule="cosine", warmup=0.2)
    rates = [rate(step, 100, cosine) for step in range(100)]
    assert rates[:3] == pytest.approx([1 / 21, 2 / 21, 3 / 21])
    assert rates[20] == 1
    assert rates[60] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(0.5 * (1 + math.cos(math.pi * 79 / 80)))
    assert [rate(step, 100, Training()) for step in (0, 99)] == [1, 1]
    constant, falling = (fit(adapter_of(short_text, schedule=name)).model for name in ("constant", "cosine"))
    assert not torch.equal(weights(constant), weights(falling))


def test_a_budget_of_tokens_ends_a_fit(short_text):
    notes = fit(adapter_of(short_text, epochs=50, token_budget=3 * 4 * BLOCK)).notes
    assert (notes["steps"], notes["training_tokens"]) == (3, 3 * 4 * BLOCK)


def test_the_best_epoch_by_validation_is_kept(short_text):
    adapter = adapter_of(short_text, epochs=4, keep="validation_nll", learning_rate=0.3)  # far too fast: it gets worse
    best = fit(adapter)
    last = fit(adapter_of(short_text, epochs=4, learning_rate=0.3))
    assert mean_nll(adapter, best.model, "validation") <= mean_nll(adapter, last.model, "validation")
    assert best.notes["epoch_kept"] <= last.notes["epoch_kept"] == 3


def test_weights_that_leave_the_finite_numbers_are_a_divergence(fitted):
    adapter, _ = fitted
    broken = fit(adapter, samples=adapter.splits.train.take(slice(4))).model
    next(iter(broken.network.parameters())).data.fill_(torch.nan)
    with pytest.raises(Diverged, match="loss is nan"):
        fit(adapter, init=broken)


def test_gradients_are_left_as_they_are_without_clipping(short_text):
    wide, none, narrow = (weights(fit(adapter_of(short_text, clip=clip)).model) for clip in (1e9, "none", 1e-4))
    assert torch.equal(none, wide)
    assert not torch.equal(none, narrow)


def test_without_its_first_token_a_sequence_is_read_as_transformers_reads_it(short_text):
    """The loss of transformers on the bare sequence, of which the first token is not predicted."""
    adapter = adapter_of(short_text, first_token=False, batch=BLOCKS, epochs=1, learning_rate=1e-3)
    samples = adapter.splits.train.take(slice(BLOCKS))
    model = fit(adapter_of(short_text)).model
    tokens = samples["tokens"].long()
    bare = network.token_nll(model, tokens, BLOCKS, first_token=False)
    assert bare.shape == (BLOCKS, BLOCK - 1)
    model.network.zero_grad()
    loss = model.network(input_ids=tokens, labels=tokens).loss
    assert float(bare.double().mean()) == pytest.approx(float(loss.detach()), rel=1e-5)
    # One step of Adam without decay moves every weight against the sign of its gradient.
    loss.backward()
    expected = {name: p - 1e-3 * p.grad.sign() for name, p in model.network.named_parameters() if p.grad is not None}
    large = {name: p.grad.abs() > 1e-4 for name, p in model.network.named_parameters() if p.grad is not None}
    trained = fit(adapter, samples=samples, init=model)
    assert trained.notes["training_tokens"] == BLOCKS * (BLOCK - 1)
    for name, p in trained.model.network.named_parameters():
        if name in expected:
            torch.testing.assert_close(p[large[name]], expected[name][large[name]], rtol=0, atol=2e-6)


def test_a_threshold_is_estimated_on_as_many_sequences_as_it_is_told(short_text):
    few, all_of_them = (fit(adapter_of(short_text, adapting=k), "tce-adaptive:alpha=1") for k in (2, 256))
    assert few.masked_share != all_of_them.masked_share


def test_the_weights_of_the_last_epoch_are_at_hand_where_another_is_kept(short_text, monkeypatch):
    def ever_worse(tokens, token_nll):  # whether validation really gets worse depends on the machine's last bits
        scores = iter(range(0, -99, -1))
        return lambda model: next(scores)

    monkeypatch.setattr("fortifai.modalities.text.adapter.by_validation_nll", ever_worse)
    adapter = adapter_of(short_text, epochs=4, keep="validation_nll")
    best, last = fit(adapter), fit(adapter_of(short_text, epochs=4))
    assert best.notes["epoch_kept"] == 0
    kept = weights(best.model)
    with best.model.at_last_epoch():
        assert torch.equal(weights(best.model), weights(last.model))
    assert torch.equal(weights(best.model), kept)
    assert fit(adapter, init=best.model).model.last is not best.model.last
    with last.model.at_last_epoch():  # where the last one is kept, they are the same
        assert torch.equal(weights(fit(adapter_of(short_text, epochs=4)).model), weights(last.model))
