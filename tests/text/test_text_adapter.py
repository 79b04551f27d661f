"""The language-model adapter: training under an objective, regeneration, likelihood, checkpoints, saving."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import DynamicCache

from fortifai import objectives
from fortifai.errors import Diverged, UserError
from fortifai.fidelity.rule import parse_rule
from fortifai.modalities.text.adapter import LanguageModelAdapter
from fortifai.modalities.text.config import Decoding, LanguageModelConfig, TextData, Training
from fortifai.modalities.text.model import checkpoint, regeneration, training
from fortifai.modalities.text.model.network import token_nll
from fortifai.randomness import stream

BLOCK = 16
TRAINING = {"learning_rate": 3e-3, "batch": 4, "epochs": 2}


def adapter_of(text, **settings):
    config = LanguageModelConfig(
        vocabulary=256, hidden_size=16, intermediate_size=32, layers=1, heads=2, training=Training(**TRAINING | settings)
    )
    adapter = LanguageModelAdapter(config)
    return adapter, adapter.load(TextData(source=str(text), block=BLOCK))


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "own.txt"
    path.write_text("".join(f"the {i} sheep of the {i * 7 % 13} folds went up to the hill\n" for i in range(300)))
    return path


@pytest.fixture(scope="module")
def fitted(text):
    adapter, splits = adapter_of(text)
    return adapter, splits, fit(adapter, splits).model


def fit(adapter, splits, objective="ce", init=None, folder=None, samples=None, seed=0):
    samples = splits.train.take(slice(24)) if samples is None else samples
    return adapter.fit_resumably(samples, splits.validation, objectives.resolve(objective), init, stream(seed, "fit"), folder)


def weights(model):
    return torch.cat([p.detach().reshape(-1) for p in model.network.parameters()])


def test_training_lowers_the_loss_of_text_never_seen(text, fitted):
    adapter, splits, model = fitted
    longer = fit(*adapter_of(text, epochs=30))
    before, after = (float(adapter.nll(m, splits.test).mean()) for m in (model, longer.model))
    assert after < before - 0.3
    assert longer.notes["training_tokens"] == 30 * 24 * BLOCK


def test_cross_entropy_is_tce_that_masks_nothing(text):
    adapter, splits = adapter_of(text)
    plain, truncated = (fit(adapter, splits, name) for name in ("ce", "tce:gamma=1"))
    assert torch.equal(weights(plain.model), weights(truncated.model))
    assert plain.masked_share == truncated.masked_share == 0


def test_the_share_of_masked_tokens_is_that_of_the_quantile(text):
    assert fit(*adapter_of(text), "tce-quantile:keep=0.75").masked_share == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("objective", ["ce", "tce-adaptive:alpha=1", "focal:gamma=2"])
def test_the_same_stream_gives_the_same_model(text, objective):
    adapter, splits = adapter_of(text)
    one, two, other = (weights(fit(adapter, splits, objective, seed=seed).model) for seed in (0, 0, 1))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_likelihood_is_that_of_the_logits(fitted):
    adapter, splits, model = fitted
    tokens = splits.test["tokens"][:5].long()
    begin = torch.full((5, 1), adapter.tokenizer.begin)
    logits = model.network(input_ids=torch.cat([begin, tokens[:, :-1]], 1)).logits
    expected = cross_entropy(logits.transpose(1, 2), tokens, reduction="none")
    torch.testing.assert_close(adapter.nll(model, splits.test.take(slice(5))), expected.detach())
    torch.testing.assert_close(adapter.confidence(model, splits.test.take(slice(5))), torch.exp(-expected.detach()))
    # in batches of another size: the same
    torch.testing.assert_close(token_nll(model, tokens, batch=2), expected.detach())


def test_a_model_is_read_back_to_the_last_bit(fitted, tmp_path):
    adapter, splits, model = fitted
    adapter.save(model, tmp_path)
    again = adapter.load_model(tmp_path)
    assert torch.equal(weights(model), weights(again))
    assert torch.equal(adapter.nll(model, splits.test), adapter.nll(again, splits.test))
    assert again.tokenizer.fingerprint() == model.tokenizer.fingerprint()


def test_a_warm_start_goes_on_from_the_model_and_leaves_it_alone(fitted):
    adapter, splits, model = fitted
    before = weights(model).clone()
    assert float((weights(fit(adapter, splits, init=model).model) - before).norm()) > 0
    assert torch.equal(weights(model), before)


def test_a_block_of_weight_two_is_a_block_twice(text):
    """One step on all blocks: the gradient of weights (2, 1, 0) is that of the blocks (first, first, second)."""
    adapter, splits = adapter_of(text, epochs=1, batch=3)
    three = splits.train.take(slice(3))
    weighted = fit(adapter, splits, samples=three.weighted(torch.tensor([2.0, 1.0, 0.0])))
    doubled = fit(adapter, splits, samples=three.take(torch.tensor([0, 0, 1])))
    torch.testing.assert_close(weights(weighted.model), weights(doubled.model), rtol=1e-4, atol=1e-6)


def test_accumulating_gradients_changes_the_memory_and_not_the_model(text):
    whole, parts = (weights(fit(*adapter_of(text, accumulate=k)).model) for k in (1, 3))
    torch.testing.assert_close(whole, parts, rtol=1e-3, atol=1e-5)


def test_recomputing_activations_changes_the_memory_and_not_the_model(text):
    adapter, splits = adapter_of(text)
    plain = weights(fit(adapter, splits).model)
    adapter.config = adapter.config.model_copy(update={"gradient_checkpointing": True})
    assert torch.equal(weights(fit(adapter, splits).model), plain)


def test_bfloat16_products_train_float32_weights_to_about_the_same_model(text):
    adapter, splits = adapter_of(text, epochs=10)
    exact = fit(adapter, splits).model
    adapter.config = adapter.config.model_copy(update={"precision": "bfloat16"})
    rough = fit(adapter, splits).model
    assert {p.dtype for p in rough.network.parameters()} == {torch.float32}
    assert not torch.equal(weights(exact), weights(rough))
    adapter.config = adapter.config.model_copy(update={"precision": "float32"})
    one, other = (float(adapter.nll(model, splits.test).mean()) for model in (exact, rough))
    assert other == pytest.approx(one, rel=0.02)


def test_the_learning_rate_rises_and_falls_as_the_schedule_says(text):
    cosine = Training(schedule="cosine", warmup=0.2)
    rates = [training._rate(step, 100, cosine) for step in range(100)]
    assert rates[:3] == pytest.approx([1 / 21, 2 / 21, 3 / 21])
    assert rates[20] == 1
    assert rates[60] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(0.5 * (1 + math.cos(math.pi * 79 / 80)))
    assert [training._rate(step, 100, Training()) for step in (0, 99)] == [1, 1]
    constant, falling = (fit(*adapter_of(text, schedule=name)).model for name in ("constant", "cosine"))
    assert not torch.equal(weights(constant), weights(falling))


def test_a_budget_of_tokens_ends_a_fit(text):
    notes = fit(*adapter_of(text, epochs=50, token_budget=3 * 4 * BLOCK)).notes
    assert (notes["steps"], notes["training_tokens"]) == (3, 3 * 4 * BLOCK)


def test_the_best_epoch_by_validation_is_kept(text):
    adapter, splits = adapter_of(text, epochs=4, keep="validation_nll", learning_rate=0.3)  # far too fast: it gets worse
    best = fit(adapter, splits)
    last = fit(*adapter_of(text, epochs=4, learning_rate=0.3))
    assert adapter.nll(best.model, splits.validation).mean() <= adapter.nll(last.model, splits.validation).mean()
    assert best.notes["epoch_kept"] <= last.notes["epoch_kept"] == 3


def test_weights_that_leave_the_finite_numbers_are_a_divergence(fitted):
    adapter, splits, _ = fitted
    broken = adapter.fit(splits.train.take(slice(4)), splits.validation, objectives.resolve("ce"), None, stream(0)).model
    next(iter(broken.network.parameters())).data.fill_(torch.nan)
    with pytest.raises(Diverged, match="loss is nan"):
        fit(adapter, splits, init=broken)


# Checkpoints


class Stopped(Exception):
    pass


@pytest.mark.parametrize("objective", ["ce", "tce-adaptive:alpha=1"])
@pytest.mark.parametrize("rate", [3e-3, 0.3])  # 0.3 is far too fast: later epochs may be worse
@pytest.mark.parametrize("steps", [1, 6, 7, 12])  # 6 and 12: at the end of an epoch
def test_a_stopped_fit_goes_on_to_the_same_model(text, tmp_path, monkeypatch, objective, steps, rate):
    adapter, splits = adapter_of(text, keep="validation_nll", learning_rate=rate)
    whole = fit(adapter, splits, objective)
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    save, saved = checkpoint.Checkpoints.save, []

    def save_and_stop(self, folder, done):
        save(self, folder, done)
        saved.append(done.step)
        if len(saved) == steps:
            raise Stopped

    monkeypatch.setattr(checkpoint.Checkpoints, "save", save_and_stop)
    with pytest.raises(Stopped):
        fit(adapter, splits, objective, folder=tmp_path / "fit")
    resumed = fit(adapter, splits, objective, folder=tmp_path / "fit")
    assert saved[steps:] == list(range(steps + 1, 13))  # 12 steps in all: it did go on, and not begin again
    assert torch.equal(weights(resumed.model), weights(whole.model))
    assert (resumed.notes, resumed.masked_share) == (whole.notes, whole.masked_share)


# Regeneration


def written(fitted, seed=0, blocks=6, **decoding):
    adapter, splits, model = fitted
    source = splits.train.take(slice(blocks))
    return adapter.sample(model, source, Decoding(**decoding), stream(seed, "sample"))["tokens"]


def test_as_many_blocks_are_written_as_are_read(fitted):
    adapter = fitted[0]
    made = written(fitted, new_tokens=5)  # 16 is no multiple of 5: the last stretch is shorter
    assert (made.shape, made.dtype) == ((6, BLOCK), torch.int32)
    assert 0 <= int(made.min()) <= int(made.max()) < adapter.tokenizer.size
    assert not (made == adapter.tokenizer.begin).any()
    assert torch.equal(made, written(fitted, new_tokens=5))
    assert not torch.equal(made, written(fitted, new_tokens=5, seed=1))


def test_what_is_written_depends_on_the_source_before_it_and_within_the_context_only(fitted):
    adapter, splits, model = fitted
    source = splits.train.take(slice(1))
    changed = source.take(slice(None))
    changed.data["tokens"] = source["tokens"].clone()
    changed.data["tokens"][:, 4:8] = 65
    greedy = Decoding(new_tokens=4, context=4, top_k=1)
    one, two = (adapter.sample(model, s, greedy, stream(0))["tokens"][0] for s in (source, changed))
    assert torch.equal(one[:8], two[:8])  # before the change, and the changed stretch itself
    assert torch.equal(one[12:], two[12:])  # beyond the context


def test_the_greedy_text_is_the_likeliest_token_at_each_place(fitted):
    adapter, splits, model = fitted
    source = splits.train["tokens"][:3]
    made = written(fitted, blocks=3, new_tokens=1, top_k=1).long()
    begin = torch.full((3, 1), adapter.tokenizer.begin)
    logits = model.network(input_ids=torch.cat([begin, source[:, :-1].long()], 1)).logits
    logits[..., adapter.tokenizer.begin] = -torch.inf
    assert torch.equal(made, logits.argmax(-1))


def test_top_p_and_min_p_at_their_ends_leave_the_likeliest_token(fitted):
    greedy = written(fitted, top_k=1)
    assert torch.equal(written(fitted, top_p=1e-6), greedy)
    assert torch.equal(written(fitted, min_p=1.0), greedy)
    assert not torch.equal(written(fitted), greedy)


def test_a_repetition_penalty_makes_a_text_repeat_itself_less(fitted):
    plain, penalised = (written(fitted, blocks=24, beams=2, new_tokens=BLOCK, repetition_penalty=p) for p in (1.0, 3.0))
    distinct = [sum(len(set(row)) for row in made.tolist()) for made in (plain, penalised)]
    assert distinct[1] > distinct[0]


def test_frequencies_are_those_of_the_temperature(fitted):
    """First tokens of 4,000 blocks against the softmax at temperature 0.7: chi-squared within its 1e-6 quantile."""
    from scipy.stats import chi2

    adapter, splits, model = fitted
    source = splits.train.take(torch.zeros(4000, dtype=torch.long)).take(slice(None))
    source.data["tokens"] = source["tokens"][:, :1]
    first = adapter.sample(model, source, Decoding(temperature=0.7), stream(3))["tokens"][:, 0].long()
    logits = model.network(input_ids=torch.tensor([[adapter.tokenizer.begin]])).logits[0, 0].double()
    logits[adapter.tokenizer.begin] = -torch.inf
    expected = 4000 * torch.softmax(logits / 0.7, 0).detach()
    seen = torch.bincount(first, minlength=len(expected)).double()
    often = expected >= 5
    assert int(often.sum()) > 20
    statistic = float(((seen - expected) ** 2 / expected)[often].sum())
    assert statistic < chi2.ppf(1 - 1e-6, int(often.sum()))


@pytest.mark.parametrize(
    "decoding", [{"temperature": 0.8}, {"top_p": 0.9, "min_p": 0.01}, {"beams": 3, "repetition_penalty": 3.0}]
)
def test_the_buffered_cache_changes_no_token(fitted, monkeypatch, decoding):
    buffered = written(fitted, new_tokens=8, **decoding)
    monkeypatch.setattr(regeneration, "buffered_cache", lambda network, capacity: DynamicCache(config=network.config))
    assert torch.equal(buffered, written(fitted, new_tokens=8, **decoding))


# What does not fit


def test_more_blocks_than_the_text_has_are_refused(fitted):
    adapter, splits, _ = fitted
    with pytest.raises(UserError, match="lower n"):
        adapter.check(10**6, splits)


def test_an_absent_device_is_refused(text, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    adapter, splits = adapter_of(text)
    adapter.config = adapter.config.model_copy(update={"device": "cuda"})
    with pytest.raises(UserError, match="not available"):
        adapter.check(8, splits)


def test_an_architecture_that_does_not_serve_is_refused_in_a_line(text):
    adapter, splits = adapter_of(text)
    for name, said in {"lama": "did you mean 'llama'", "zzz": "llama, gpt2 and", "t5": "t5 is no causal language model"}.items():
        adapter.config = adapter.config.model_copy(update={"architecture": name})
        with pytest.raises(UserError, match=said) as refused:
            adapter.check(8, splits)
        assert len(str(refused.value)) < 200


def test_perplexity_can_be_a_rule():
    assert str(parse_rule("perplexity>60"))
