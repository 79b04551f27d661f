"""Metrics of clips: against closed forms, independent libraries, and what must hold."""

import math

import audio_support as support
import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from fortifai.contract.samples import Samples
from fortifai.errors import UserError
from fortifai.modalities.audio.config import AudioData
from fortifai.modalities.audio.metrics import embedding, sound, words
from fortifai.modalities.audio.spectrogram import BANDS, FRAMES, LENGTH, RATE, frames_of
from fortifai.modalities.audio.tokens.adapter import TokensAdapter
from fortifai.modalities.audio.tokens.config import TokensConfig

pytestmark = pytest.mark.usefixtures("brief_classifiers")

ADAPTERS = [support.tokens, support.mel]


def repeated(samples: Samples, times: int) -> Samples:
    return samples.take(torch.zeros(times, dtype=torch.int64))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_real_clips_are_nearer_than_one_clip_repeated(adapter):
    splits = adapter().splits
    near, far = (support.inputs_of(adapter(), part) for part in (splits.train, repeated(splits.train, 30)))
    for metric in (embedding.audio_frechet, embedding.kad, embedding.kad_root, sound.spectral_distance, sound.centroid_w1):
        assert metric(near) < metric(far)
    assert embedding.audio_recall(near) > embedding.audio_recall(far) == 0
    assert embedding.digit_entropy(far) == 0
    assert embedding.dead_digits(far) == 9
    assert embedding.nearest_clip(far) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_distance_to_itself_is_nothing(adapter):
    itself = support.inputs_of(adapter(), adapter().splits.test)
    assert embedding.audio_frechet(itself) == pytest.approx(0, abs=1e-2)
    for metric in (sound.spectral_distance, sound.energy_w1, sound.centroid_w1, sound.pitch_w1):
        assert metric(itself) == pytest.approx(0, abs=1e-6)
    assert sound.silence(itself) == 1
    assert embedding.kad(itself) < 0, "an estimate without bias of 0, of the same clips twice"
    assert embedding.kad_root(itself) == 0


def test_the_frechet_distance_is_that_of_the_formula():
    adapter = support.mel()
    a, b = (adapter.extractor.features(part["x"]).numpy() for part in (adapter.splits.test, adapter.splits.train))
    (m, c), (n, d) = ((x.mean(0), np.cov(x, rowvar=False)) for x in (a, b))
    squared = ((m - n) ** 2).sum() + np.trace(c + d - 2 * np.real(sqrtm(c @ d)))
    measured = embedding.audio_frechet(support.inputs_of(adapter, adapter.splits.train))
    assert measured == pytest.approx(math.sqrt(squared), rel=1e-3)


def test_the_kernel_distance_is_the_mean_over_pairs():
    rng = torch.Generator().manual_seed(0)
    x, y = (torch.randn(size, 3, generator=rng, dtype=torch.float64) + shift for size, shift in ((6, 0), (5, 1)))

    def kernel(a: torch.Tensor, b: torch.Tensor) -> float:
        return math.exp(-float(((a - b) ** 2).sum()) / (2 * 1.5**2))

    within = [
        sum(kernel(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j) / (len(z) ** 2 - len(z)) for z in (x, y)
    ]
    across = sum(kernel(a, b) for a in x for b in y) / (len(x) * len(y))
    assert embedding.squared_discrepancy(x, y, 1.5) == pytest.approx(sum(within) - 2 * across)


def test_the_kernel_distance_of_equal_laws_is_0_on_average():
    rng = torch.Generator().manual_seed(0)
    draws = [torch.randn(2, 20, 2, generator=rng, dtype=torch.float64) for _ in range(200)]
    values = np.array([embedding.squared_discrepancy(*pair, 1.0) for pair in draws])
    assert abs(values.mean()) < 4 * values.std() / math.sqrt(len(values))


def test_pitch_centroid_and_loudness_of_tones_are_theirs():
    seconds = LENGTH / RATE
    low, high = (sum(support.sine(k * f, seconds, amplitude=0.2) for k in (1, 2, 3)) for f in (110, 220))
    assert sound.pitches(torch.stack([low, high])) == pytest.approx([110, 220], rel=0.03)
    tones = torch.stack([support.sine(f, seconds) for f in (800, 2000)])
    assert sound.centroids(frames_of(tones)) == pytest.approx([800, 2000], rel=0.05)
    loud = sound.loudness(frames_of(torch.stack([tones[0] / 2, tones[0] / 20])))
    assert loud[0] - loud[1] == pytest.approx(20, abs=0.3)
    assert sound.pitches(torch.zeros(1, LENGTH)).tolist() == []


def test_silence_is_counted_by_frames():
    frames = torch.zeros(2, FRAMES, BANDS)
    frames[0, :16, 3] = 0.9
    assert sound.silent_share(frames) == 1 - 16 / (2 * FRAMES)


def test_a_shift_of_loudness_is_its_wasserstein_distance():
    adapter = support.mel()
    real = adapter.splits.test["x"]
    quieter = support.inputs_of(adapter, Samples.real(x=(real - 0.1).clamp(min=0)))
    loud = sound.loudness(adapter.frames({"x": real}))
    assert sound.energy_w1(quieter) == pytest.approx(7, abs=1)  # a tenth of 70 dB
    assert len(loud) == len(real)


def test_accuracy_goes_by_the_label_that_was_asked_for():
    adapter = support.tokens()
    real = adapter.splits.train
    assert words.digit_accuracy(support.inputs_of(adapter, real)) > 0.9
    tokens = real["tokens"].clone()
    codes = len(adapter.codebook)
    tokens[:, 0] = (tokens[:, 0] - codes + 1) % 10 + codes
    assert words.digit_accuracy(support.inputs_of(adapter, Samples.real(tokens=tokens))) < 0.1
    tokens[:, 0] = 0
    assert words.digit_accuracy(support.inputs_of(adapter, Samples.real(tokens=tokens))) == 0


def test_a_recogniser_that_nobody_trained_here_hears_real_words():
    pytest.importorskip("pocketsphinx", reason="the extra audio is not installed")
    adapter = TokensAdapter(TokensConfig(vocabulary=256), support.FEW)
    inputs = support.inputs_of(adapter, adapter.splits.test)
    accuracy = words.word_accuracy(inputs)
    assert accuracy > 0.3, "chance is 0.1"
    assert words.word_accuracy(support.inputs_of(adapter, adapter.splits.test)) == accuracy
    words.require_words(adapter)


def test_words_that_the_recogniser_does_not_know_are_refused(tmp_path):
    pytest.importorskip("pocketsphinx", reason="the extra audio is not installed")
    from test_audio_data import words as write_words

    write_words(tmp_path, ("high", "xqzt"))
    adapter = TokensAdapter(TokensConfig(**support.TINY | {"vocabulary": 4}), AudioData(source=str(tmp_path)))
    with pytest.raises(UserError, match="does not know xqzt"):
        words.require_words(adapter)
