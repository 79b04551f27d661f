"""Tokens and back: any text survives, training repeats itself, and what cannot be encoded is counted or refused."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.torch import save
from tokenizers import Tokenizer as Encoder
from tokenizers import models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from fortifai.errors import UserError
from fortifai.modalities.text import hub
from fortifai.modalities.text.config import BYTES, TextData
from fortifai.modalities.text.data.blocks import cut_into_blocks
from fortifai.modalities.text.data.corpora import Corpus
from fortifai.modalities.text.model import tokenizer as tokenizer_module
from fortifai.modalities.text.model.tokenizer import (
    BEGIN,
    Tokenizer,
    load_tokenizer,
    pretrained_tokenizer,
    train_tokenizer,
)

WORDS = "In the beginning God created the heaven and the earth. And the earth was without form, and void.\n" * 40
SMALL = train_tokenizer(WORDS, 300)


def word_level(vocabulary: dict[str, int], unknown: str | None) -> Tokenizer:
    encoder = Encoder(models.WordLevel(vocabulary, unk_token=unknown) if unknown else models.WordLevel(vocabulary))
    encoder.pre_tokenizer = pre_tokenizers.Whitespace()
    return Tokenizer(encoder, 0)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
@example("")
@example(f"a text that spells {BEGIN} itself")
@example(" \n\t \r\n and  spaces ")
def test_any_text_survives_encoding_and_decoding(text):
    tokens, lost = SMALL.encode_measured(text)
    assert SMALL.decode(tokens) == text
    assert SMALL.encode(text) == tokens
    assert SMALL.begin not in tokens
    assert all(0 <= token < SMALL.size for token in tokens)
    assert lost == 0


def test_without_merges_the_tokens_are_the_bytes():
    bytewise = train_tokenizer(WORDS, BYTES)
    assert bytewise.size == BYTES + 1
    assert bytewise.begin == BYTES
    text = "Æneas — 𝄞"
    assert len(bytewise.encode(text)) == len(text.encode())
    assert len({bytewise.encode(chr(c))[0] for c in range(128)}) == 128


def test_the_vocabulary_has_the_size_asked_for_and_one_token_that_begins_a_block():
    assert SMALL.size == 301
    assert SMALL.encoder.id_to_token(SMALL.begin) == BEGIN
    assert len(SMALL.encode(WORDS)) < len(WORDS.encode()) / 1.5


def test_training_repeats_itself_in_another_process_with_other_threads():
    importing = "from fortifai.modalities.text.model.tokenizer import train_tokenizer"
    code = f"{importing}; print(train_tokenizer({WORDS!r}, 300).fingerprint())"
    fingerprints = set()
    for threads, seed in (("1", "1"), ("4", "2")):
        environment = os.environ | {"RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": seed, "TOKENIZERS_PARALLELISM": "true"}
        process = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        fingerprints.add(process.stdout.strip())
    assert fingerprints == {SMALL.fingerprint()}


def test_saving_and_loading_changes_nothing_and_transformers_reads_it_too(tmp_path):
    SMALL.save(tmp_path)
    again = load_tokenizer(tmp_path)
    assert again.begin == SMALL.begin
    assert again.fingerprint() == SMALL.fingerprint()
    assert again.encode(f"the {BEGIN} earth") == SMALL.encode(f"the {BEGIN} earth")
    of_transformers = AutoTokenizer.from_pretrained(tmp_path)
    assert of_transformers.bos_token_id == SMALL.begin
    assert of_transformers.encode("the earth was void", add_special_tokens=False) == SMALL.encode("the earth was void")


def test_the_fingerprint_tells_tokenizers_apart():
    other_text, other_size = train_tokenizer(WORDS + "Behold!\n" * 99, 300), train_tokenizer(WORDS, 299)
    other_begin = Tokenizer(SMALL.encoder, 5)
    assert len({t.fingerprint() for t in (SMALL, other_text, other_size, other_begin)}) == 4


@pytest.mark.parametrize(
    ("special", "expected"),
    [({"bos_token": "<s>", "eos_token": "</s>"}, "<s>"), ({"eos_token": "</s>"}, "</s>")],
    ids=["begin of text", "end of text, for want of a begin"],
)
def test_a_pretrained_tokenizer_brings_the_token_that_begins_a_block(tmp_path, special, expected):
    PreTrainedTokenizerFast(tokenizer_object=Encoder.from_str(SMALL.encoder.to_str()), **special).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{}")  # a folder of a model has one
    tokenizer = pretrained_tokenizer(str(tmp_path))
    assert tokenizer.encoder.id_to_token(tokenizer.begin) == expected
    assert tokenizer.encode("the earth") == SMALL.encode("the earth")


def test_a_pretrained_tokenizer_with_nothing_to_begin_a_block_is_refused(tmp_path):
    PreTrainedTokenizerFast(tokenizer_object=Encoder.from_str(SMALL.encoder.to_str())).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="no begin-of-text and no end-of-text token"):
        pretrained_tokenizer(str(tmp_path))


def test_a_pretrained_model_that_is_nowhere_is_refused_at_once(monkeypatch, tmp_path):
    monkeypatch.setattr(tokenizer_module, "reachable", lambda: False)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match="'nobody/nothing' cannot be loaded"):
        pretrained_tokenizer("nobody/nothing")


def test_a_tokenizer_that_knows_too_little_of_a_text_is_refused_with_the_share():
    # Of "cat dog\n", seven characters with the blank and the newline beside the words: "dog" is unknown, 3 of 8.
    known = word_level({"[UNK]": 0, "cat": 1}, "[UNK]")
    corpus = Corpus("pets", ("cat cat\n" * 50,), ("cat dog\n" * 50,), ("cat cat\n" * 50,))
    with pytest.raises(UserError, match=r"pets: the validation part: the tokenizer has no tokens for 37.5% of its characters"):
        cut_into_blocks(corpus, known, TextData(block=4))


def test_characters_that_a_tokenizer_drops_without_a_word_are_counted():
    encoder = Encoder(models.BPE({"a": 0, "b": 1}, []))
    tokens, lost = Tokenizer(encoder, 0).encode_measured("a–b é")
    assert tokens == [0, 1]
    assert lost == 2


def test_a_tokenizer_that_refuses_a_word_is_reported():
    with pytest.raises(UserError, match="cannot encode the text"):
        word_level({"cat": 0}, None).encode("cat dog")


def test_a_rare_unknown_sign_is_tolerated():
    known = word_level({"[UNK]": 0, "cat": 1}, "[UNK]")
    stretches = ("cat " * 500 + "~ ",)
    splits = cut_into_blocks(Corpus("pets", stretches, stretches, stretches), known, TextData(block=50))
    assert splits.train["tokens"].shape == (10, 50)


def test_blocks_hold_the_text_in_order_and_no_block_spans_a_seam():
    stretches = ("the earth was void " * 9, "and God said ", "without form " * 30)
    splits = cut_into_blocks(Corpus("x", stretches, stretches, stretches[:1]), SMALL, TextData(block=8))
    expected = []
    for stretch in stretches:
        tokens = SMALL.encode(stretch)
        expected += [tokens[i : i + 8] for i in range(0, len(tokens) - 7, 8)]
    assert splits.train["tokens"].tolist() == expected
    assert splits.train["tokens"].dtype == torch.int32


def test_a_part_shorter_than_a_block_is_refused():
    with pytest.raises(UserError, match=r"x: the test part has \d+ tokens, less than one block of 64: lower data.block"):
        cut_into_blocks(Corpus("x", (WORDS,), (WORDS,), ("the earth",)), SMALL, TextData(block=64))
    with pytest.raises(UserError, match="x: the test part has 0 tokens"):
        cut_into_blocks(Corpus("x", (WORDS,), (WORDS,), ()), SMALL, TextData(block=64))


def test_a_text_is_encoded_once_for_a_tokenizer_and_a_block(tmp_path, monkeypatch):
    monkeypatch.setenv("FORTIFAI_CACHE", str(tmp_path))
    corpus = Corpus("x", (WORDS, WORDS), (WORDS,), (WORDS,))
    first = cut_into_blocks(corpus, SMALL, TextData(block=8))
    (file,) = (tmp_path / "blocks").iterdir()
    whole = file.read_bytes()
    with monkeypatch.context() as known:
        known.setattr(Tokenizer, "encode_measured", lambda *_: pytest.fail("encoded again"))
        assert cut_into_blocks(corpus, SMALL, TextData(block=8)).data_hash() == first.data_hash()
    for content in (whole[:100], b"", save({"tokens": first.train["tokens"]})):
        file.write_bytes(content)
        assert cut_into_blocks(corpus, SMALL, TextData(block=8)).data_hash() == first.data_hash()
    assert file.read_bytes() == whole
    for other in (replace(corpus, train=(WORDS,)), replace(corpus, test=(WORDS + WORDS,))):
        cut_into_blocks(other, SMALL, TextData(block=8))
    cut_into_blocks(corpus, SMALL, TextData(block=9))
    assert len(list((tmp_path / "blocks").iterdir())) == 4
