"""The language-model adapter: bound to its text, asked for likelihoods, saved, shown, and refusing what cannot be trained."""

import pytest
import torch
from text_support import BLOCK, adapter_of, weights
from torch.nn.functional import cross_entropy

from fortifai.errors import UserError
from fortifai.modalities.text.model.network import token_nll


def test_an_adapter_has_the_parts_of_its_text_as_soon_as_it_is_made(short_text):
    adapter = adapter_of(short_text)
    first = short_text.read_text()[:BLOCK]
    assert adapter.tokenizer.decode(adapter.splits.train["tokens"][0].tolist()) == first
    with pytest.raises(UserError, match="no KR-test comes with the text"):
        _ = adapter.kr_items


def test_likelihood_and_confidence_are_those_of_the_logits(fitted):
    adapter, model = fitted
    samples = adapter.splits.test.take(slice(5))
    tokens = samples["tokens"].long()
    begin = torch.full((5, 1), adapter.tokenizer.begin)
    logits = model.network(input_ids=torch.cat([begin, tokens[:, :-1]], 1)).logits
    expected = cross_entropy(logits.transpose(1, 2), tokens, reduction="none").detach()
    nll, confidence = adapter.likelihood(model, samples)
    torch.testing.assert_close(nll, expected)
    torch.testing.assert_close(confidence, torch.exp(-expected))
    # in batches of another size: the same
    torch.testing.assert_close(token_nll(model, tokens, batch=2), expected)


def test_a_model_is_loaded_as_it_was_saved_to_the_last_bit(fitted, tmp_path):
    adapter, model = fitted
    adapter.save(model, tmp_path)
    again = adapter.load_model(tmp_path)
    assert torch.equal(weights(model), weights(again))
    test = adapter.splits.test
    assert torch.equal(adapter.likelihood(model, test).nll, adapter.likelihood(again, test).nll)
    assert again.tokenizer.fingerprint() == model.tokenizer.fingerprint()


def test_a_model_is_about_as_large_as_the_plan_says(fitted, tmp_path):
    adapter, model = fitted
    adapter.save(model, tmp_path)
    saved = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert adapter.model_bytes() == pytest.approx(saved, rel=0.5)


def test_samples_are_shown_as_text(fitted, tmp_path):
    adapter, _ = fitted
    adapter.show(adapter.splits.train.take(slice(2)).data, tmp_path / "shown")
    assert (tmp_path / "shown.txt").read_text().startswith("the 0 sheep of t | he 0 folds went")


# What does not fit


def test_more_blocks_than_the_text_has_are_refused(fitted):
    with pytest.raises(UserError, match="lower n"):
        fitted[0].check(10**6)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [("lama", "did you mean 'llama'"), ("zzz", "llama, gpt2 and"), ("t5", "t5 is not a causal language model")],
)
def test_an_architecture_that_does_not_serve_is_refused_in_a_line(short_text, architecture, message):
    with pytest.raises(UserError, match=message) as refused:
        adapter_of(short_text, model={"architecture": architecture}).check(8)
    assert len(str(refused.value)) < 200
