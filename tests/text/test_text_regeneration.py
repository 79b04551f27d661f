"""Regeneration: what is written depends on the source before it, on the stream, and on how the text is decoded."""

import pytest
import torch
from scipy.stats import chi2
from text_support import BLOCK
from transformers import DynamicCache

from fortifai.contract.samples import Samples
from fortifai.modalities.text.config import Decoding
from fortifai.modalities.text.model import regeneration
from fortifai.randomness import stream


def write(fitted, source=None, seed=0, blocks=6, **decoding):
    adapter, model = fitted
    source = adapter.splits.train["tokens"][:blocks] if source is None else source
    return adapter.sample(model, Samples.real(tokens=source), Decoding(**decoding), stream(seed, "sample"))["tokens"]


def test_as_many_blocks_are_written_as_are_read(fitted):
    adapter, _ = fitted
    written = write(fitted, new_tokens=5)  # 16 is not a multiple of 5: the last stretch is shorter
    assert (written.shape, written.dtype) == ((6, BLOCK), torch.int32)
    assert 0 <= int(written.min()) <= int(written.max()) < adapter.tokenizer.size
    assert not (written == adapter.tokenizer.begin).any()
    assert torch.equal(written, write(fitted, new_tokens=5))
    assert not torch.equal(written, write(fitted, new_tokens=5, seed=1))


def test_what_is_written_depends_on_the_source_before_it_and_within_the_context_only(fitted):
    source = fitted[0].splits.train["tokens"][:1]
    changed = source.clone()
    changed[:, 4:8] = 65
    greedy = {"new_tokens": 4, "context": 4, "top_k": 1}
    one, two = (write(fitted, tokens, **greedy)[0] for tokens in (source, changed))
    assert torch.equal(one[:8], two[:8])  # before the change, and the changed stretch itself
    assert torch.equal(one[12:], two[12:])  # beyond the context


def test_the_greedy_text_is_the_likeliest_token_at_each_place(fitted):
    adapter, model = fitted
    source = adapter.splits.train["tokens"][:3]
    written = write(fitted, source, new_tokens=1, top_k=1).long()
    begin = torch.full((3, 1), adapter.tokenizer.begin)
    logits = model.network(input_ids=torch.cat([begin, source[:, :-1].long()], 1)).logits
    logits[..., adapter.tokenizer.begin] = -torch.inf
    assert torch.equal(written, logits.argmax(-1))


def test_top_p_and_min_p_at_their_ends_leave_the_likeliest_token(fitted):
    greedy = write(fitted, top_k=1)
    assert torch.equal(write(fitted, top_p=1e-6), greedy)
    assert torch.equal(write(fitted, min_p=1.0), greedy)
    assert not torch.equal(write(fitted), greedy)


def test_a_repetition_penalty_makes_a_text_repeat_itself_less(fitted):
    plain, penalised = (write(fitted, blocks=24, beams=2, new_tokens=BLOCK, repetition_penalty=p) for p in (1.0, 3.0))
    distinct = [sum(len(set(row)) for row in written.tolist()) for written in (plain, penalised)]
    assert distinct[1] > distinct[0]


def test_frequencies_are_those_of_the_temperature(fitted):
    """First tokens of 4,000 blocks against the softmax at temperature 0.7: chi-squared within its 1e-6 quantile."""
    adapter, model = fitted
    source = adapter.splits.train["tokens"][:1, :1].repeat(4000, 1)
    first = write(fitted, source, seed=3, temperature=0.7)[:, 0].long()
    logits = model.network(input_ids=torch.tensor([[adapter.tokenizer.begin]])).logits[0, 0].double()
    logits[adapter.tokenizer.begin] = -torch.inf
    expected = 4000 * torch.softmax(logits / 0.7, 0).detach()
    observed = torch.bincount(first, minlength=len(expected)).double()
    frequent = expected >= 5
    assert int(frequent.sum()) > 20
    statistic = float(((observed - expected) ** 2 / expected)[frequent].sum())
    assert statistic < chi2.ppf(1 - 1e-6, int(frequent.sum()))


@pytest.mark.parametrize(
    "decoding", [{"temperature": 0.8}, {"top_p": 0.9, "min_p": 0.01}, {"beams": 3, "repetition_penalty": 3.0}]
)
def test_the_buffered_cache_changes_no_token(fitted, monkeypatch, decoding):
    buffered = write(fitted, new_tokens=8, **decoding)
    monkeypatch.setattr(regeneration, "buffered_cache", lambda network, capacity: DynamicCache(config=network.config))
    assert torch.equal(buffered, write(fitted, new_tokens=8, **decoding))
