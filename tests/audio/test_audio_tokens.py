"""Clips as codes: the codebook, labels that stay, and a recursion of two generations."""

import wave

import audio_support as support
import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from sklearn.cluster import KMeans

from fortifai.contract.samples import Samples
from fortifai.errors import UserError
from fortifai.modalities.audio.config import AudioData
from fortifai.modalities.audio.spectrogram import FRAMES, RATE
from fortifai.modalities.audio.tokens import codebook
from fortifai.modalities.audio.tokens.adapter import TokensAdapter
from fortifai.modalities.audio.tokens.config import ClipDecoding, TokensConfig
from fortifai.randomness import stream

CODES = support.TINY["vocabulary"]


@pytest.fixture(scope="module")
def model():
    adapter = support.tokens()
    return adapter.fit(adapter.splits.train, support.objective("ce"), None, stream("fit")).model


def test_codes_are_what_their_frames_are_nearest_to():
    book = support.tokens().codebook
    codes = torch.arange(CODES).repeat(3, FRAMES // CODES)
    assert torch.equal(book.encode(book.decode(codes)), codes.int())
    frames = support.mel().clips.test.frames
    nearest = torch.cdist(frames.flatten(0, 1), book.centres).argmin(1).view(len(frames), FRAMES)
    assert torch.equal(book.encode(frames), nearest.int())


def test_code_0_is_the_quietest_and_stands_for_what_is_no_code():
    book = support.tokens().codebook
    assert int(book.centres.sum(1).argmin()) == 0
    assert torch.equal(book.decode(torch.tensor([[CODES + 3, -1]])), book.centres[[0, 0]][None])


def test_the_codebook_is_nearly_as_close_as_one_of_another_k_means():
    frames = support.mel().clips.pool.frames
    book = codebook.learn(frames, CODES)
    rows = frames.flatten(0, 1)
    ours = float((rows - book.decode(book.encode(frames)).flatten(0, 1)).square().sum())
    theirs = KMeans(CODES, n_init=1, random_state=1).fit(rows.numpy()).inertia_
    assert ours < 1.15 * theirs


def test_the_codebook_is_learned_the_same_way_twice(tmp_path, monkeypatch):
    frames = support.mel().clips.pool.frames[:20]
    learned = []
    for name in ("first", "second"):
        monkeypatch.setenv("FORTIFAI_CACHE", str(tmp_path / name))
        learned += [codebook.learn(frames, 8).centres, codebook.learn(frames, 8).centres]
    assert all(torch.equal(each, learned[0]) for each in learned)


def test_more_codes_than_frames_are_refused():
    with pytest.raises(UserError, match=r"model\.vocabulary = 30"):
        codebook.learn(torch.rand(1, 20, 4), 30)


def test_a_sample_is_a_label_and_a_code_for_every_frame():
    adapter = support.tokens()
    tokens = adapter.splits.train["tokens"]
    assert tokens.shape == (150, 1 + FRAMES)
    assert tokens.dtype == torch.int32
    assert torch.equal(adapter.asked(adapter.splits.train.data), adapter.clips.pool.labels)
    assert int(tokens[:, 1:].max()) < CODES
    assert adapter.tokenizer.decode(tokens[0, :1].tolist()).startswith("<")


def test_what_is_written_keeps_the_label_that_was_asked_for(model):
    adapter = support.tokens()
    source = adapter.splits.test
    for decoding in (ClipDecoding(), ClipDecoding(new_tokens=10, context=20, temperature=0.8)):
        written = adapter.sample(model, source, decoding, stream("sample"))["tokens"]
        assert torch.equal(written[:, 0], source["tokens"][:, 0])
        assert not torch.equal(written[:, 1:], source["tokens"][:, 1:])


def test_labels_are_not_drawn_anew(model):
    adapter = support.tokens()
    samples = adapter.splits.test
    drawn = adapter.redraw(model, samples, torch.ones(len(samples), 1 + FRAMES, dtype=torch.bool), stream("redraw"))["tokens"]
    assert torch.equal(drawn[:, 0], samples["tokens"][:, 0])
    assert not torch.equal(drawn, samples["tokens"])


def test_probabilities_of_all_continuations_sum_to_one(model):
    adapter = support.tokens()
    rows = adapter.splits.test["tokens"][:1].repeat(adapter.tokenizer.size, 1)
    rows[:, 30] = torch.arange(adapter.tokenizer.size)
    confidence = adapter.likelihood(model, Samples.real(tokens=rows)).confidence
    assert float(confidence[:, 30].sum()) == pytest.approx(1, abs=1e-4)


def test_two_generations_are_other_clips_of_the_same_words(model):
    adapter = support.tokens()
    real = adapter.splits.train.take(slice(64))
    first = Samples.synthetic(adapter.sample(model, real, ClipDecoding(), stream("one")), 0)
    fit = adapter.fit(first, support.objective("tce-quantile:keep=0.8"), model, stream("refit"))
    second = adapter.sample(fit.model, first, ClipDecoding(), stream("two"))
    assert fit.masked_share == pytest.approx(0.2, abs=0.05)
    assert torch.equal(adapter.asked(second), adapter.asked(real.data))
    assert not torch.equal(second["tokens"], first["tokens"])


def test_a_model_of_clips_without_labels_is_asked_for_a_clip(tmp_path):
    from test_audio_data import write

    for number in range(30):
        write(tmp_path, f"{number}.wav", support.sine(300 + 10 * number, 0.3))
    adapter = TokensAdapter(TokensConfig(**support.TINY | {"vocabulary": 4}), AudioData(source=str(tmp_path)))
    assert adapter.asked(adapter.splits.test.data).unique().tolist() == [0]
    assert adapter.view.extractor.name == "statistics"
    with pytest.raises(UserError, match="no classes"):
        adapter.verify(adapter.splits.test)


@pytest.mark.parametrize(
    "settings",
    [
        {"pretrained": "smollm2-135m"},
        {"training": {"keep": "kr_test"}},
        {"training": {"block": 32}},
        {"training": {"first_token": False}},
        {"vocabulary": 1},
    ],
)
def test_settings_that_clips_do_not_have_are_refused(settings):
    with pytest.raises(ValidationError):
        TokensConfig(**settings)


@pytest.mark.parametrize("n", [0, 151])
def test_sizes_that_cannot_be_trained_are_refused(n):
    with pytest.raises(UserError, match=f"n = {n}"):
        support.tokens().check(n)


def test_clips_are_shown_as_a_wav_file_that_is_not_silent_and_as_a_picture(tmp_path):
    for name, adapter in (("tokens", support.tokens()), ("mel", support.mel())):
        adapter.show(adapter.splits.test.data, tmp_path / name)
        with wave.open(str(tmp_path / f"{name}.wav"), "rb") as file:
            assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (RATE, 2, 1)
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        assert len(samples) / RATE == pytest.approx(2.4, abs=0.1)
        assert np.abs(samples).max() > 2000
        picture = np.asarray(Image.open(tmp_path / f"{name}.png").convert("L"))
        assert picture.std() > 10
