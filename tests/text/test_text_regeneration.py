"""Regeneration: what is written depends on the source before it, on the stream, and on how the text is decoded."""

from copy import deepcopy

import pytest
import torch
from pydantic import ValidationError
from scipy.stats import chi2
from text_support import BLOCK, adapter_of, fit
from transformers import DynamicCache, GenerationConfig

from fortifai.contract.samples import Samples
from fortifai.errors import UserError
from fortifai.modalities.text.config import Decoding, LanguageModelConfig
from fortifai.modalities.text.model import regeneration
from fortifai.modalities.text.model.network import LanguageModel
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


def test_what_is_kept_stays_and_is_read(fitted):
    adapter, model = fitted
    source = adapter.splits.train["tokens"][:3]
    greedy = Decoding(new_tokens=4, context=4, top_k=1)
    written = regeneration.regenerate(model, source, greedy, 0, kept=4)
    assert torch.equal(written[:, :4], source[:, :4])
    assert torch.equal(written[:, 4:], regeneration.regenerate(model, source, greedy, 0)[:, 4:])


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


def test_in_corpus_order_a_context_reaches_over_the_ends_of_blocks(short_text):
    adapter = adapter_of(short_text, order="corpus", epochs=30)
    model = fit(adapter).model
    tokens = adapter.splits.train["tokens"][:4]
    greedy = Decoding(new_tokens=4, context=6, top_k=1)
    written = adapter.sample(model, Samples.real(tokens=tokens), greedy, stream(0, "sample"))["tokens"]
    one_text = tokens.reshape(1, -1)
    alone = regeneration.regenerate(model, one_text, greedy, 0)
    assert torch.equal(written.reshape(1, -1), alone)
    # by hand: the first stretch of the third block after the last six tokens of the second
    prompt = torch.cat([torch.tensor([[adapter.tokenizer.begin]]), tokens[1:2, -6:]], dim=1).long()
    logits = model.network(input_ids=prompt).logits[0, -1]
    logits[adapter.tokenizer.begin] = -torch.inf
    assert int(written[2, 0]) == int(logits.argmax())
    assert not torch.equal(written, regeneration.regenerate(model, tokens, greedy, 0))


def with_settings_of_its_own(fitted, **settings):
    adapter, model = fitted
    network = deepcopy(model.network)
    network.generation_config = GenerationConfig(**settings)
    return adapter, LanguageModel(network, model.tokenizer)


def test_what_a_model_came_with_decides_nothing_that_was_not_asked_for(fitted):
    """A pretrained model's own settings, such as the top_p of Llama 3.2, used to fill in what a suite left open."""
    own = with_settings_of_its_own(fitted, do_sample=True, top_p=1e-6, min_p=1.0, eos_token_id=[101, 104])
    assert not torch.equal(write(own), write(fitted, top_k=1))
    ends = torch.isin(write(own, blocks=24), torch.tensor([101, 104]))
    assert not ends.any()  # a stretch has a length: the tokens that end a text for the model are not written


def test_the_model_decides_whether_beams_draw_at_random_where_a_suite_says_so(fitted):
    beams = {"beams": 3, "do_sample": "model", "new_tokens": 8}
    plain = write(fitted, beams=3, new_tokens=8)
    silent = with_settings_of_its_own(fitted, do_sample=False)
    drawing = with_settings_of_its_own(fitted, do_sample=True, temperature=1.5, top_k=20, top_p=0.95)
    assert torch.equal(write(silent, **beams), plain)
    one, two = (write(drawing, **beams, seed=seed) for seed in (0, 1))
    assert not torch.equal(one, plain)
    assert not torch.equal(one, two)
    assert torch.equal(one, write(drawing, **beams))
    certain = with_settings_of_its_own(fitted, do_sample=True, top_k=1)
    assert torch.equal(write(certain, do_sample="model"), write(fitted, top_k=1))


def test_who_says_how_a_text_is_continued_is_not_said_twice():
    with pytest.raises(ValidationError, match="do_sample = 'model' takes temperature, top_p from the model"):
        Decoding(do_sample="model", temperature=0.8, top_p=0.9)
    with pytest.raises(UserError, match="needs a pretrained model"):
        Decoding(do_sample="model").require(LanguageModelConfig())
    Decoding(do_sample="model").require(LanguageModelConfig(pretrained="any"))
