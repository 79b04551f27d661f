"""Voices: told apart by a package's weights, which are read without importing it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import audio_support as support
import numpy as np
import pytest
import torch

from fortifai.errors import UserError
from fortifai.modalities.audio.metrics import voices
from fortifai.modalities.audio.metrics.declared import METRICS
from fortifai.modalities.audio.spectrogram import LENGTH, RATE

DECLARED = {metric.name: metric for metric in METRICS}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of that name with weights of the same shapes, drawn at random, which must not be imported."""
    (folder := tmp_path / "resemblyzer").mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        weights = {name: 3 * value for name, value in voices.SpeakerEncoder().state_dict().items()}
    torch.save({"model_state": weights}, folder / "pretrained.pt")
    monkeypatch.syspath_prepend(tmp_path)
    voices._encoder.cache_clear()
    yield folder
    voices._encoder.cache_clear()


def test_voices_of_the_same_clips_are_the_same_and_one_clip_repeated_is_one_voice(package: Path) -> None:
    adapter = support.mel()
    real, train = adapter.splits.test, adapter.splits.train
    itself = support.inputs_of(adapter, real)
    assert voices.voice_variety(itself) == pytest.approx(1)
    assert voices.voice_kad(itself) < 0, "an estimate without bias of 0, of the same clips twice"
    one = support.inputs_of(adapter, train.take(torch.zeros(30, dtype=torch.int64)))
    assert voices.voice_variety(one) == pytest.approx(0, abs=1e-4)
    assert voices.voice_kad(one) > 0.1
    assert "resemblyzer" not in sys.modules


def test_a_voice_has_unit_length_and_does_not_depend_on_its_company(package: Path) -> None:
    time = torch.arange(LENGTH) / RATE
    waveforms = torch.stack([torch.sin(2 * torch.pi * pitch * time) for pitch in (100, 170, 300)])
    heard = voices.voices_in(waveforms)
    assert heard.shape == (3, voices.SIZE)
    torch.testing.assert_close(heard.norm(dim=1), torch.ones(3, dtype=torch.float64), atol=1e-6, rtol=0)
    torch.testing.assert_close(voices.voices_in(waveforms[1:2]), heard[1:2], atol=1e-6, rtol=0)
    assert torch.pdist(heard).min() > 1e-4, "even weights drawn at random tell tones apart, by far more than rounding"


def test_frames_are_those_of_librosa_by_its_formulas() -> None:
    """Power of a periodic Hann window, in triangles of equal area on Slaney's scale: linear to 1 kHz, then 27 a factor of 6.4."""
    sound = np.random.default_rng(0).standard_normal(voices.HEARING_RATE)
    padded = np.pad(sound, voices.WINDOW // 2)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(voices.WINDOW) / voices.WINDOW)
    parts = np.lib.stride_tricks.sliding_window_view(padded, voices.WINDOW)[:: voices.HOP]
    power = np.abs(np.fft.rfft(parts * window)) ** 2
    top = 15 + 27 * np.log(voices.HEARING_RATE / 2 / 1000) / np.log(6.4)
    scale = np.linspace(0, top, voices.BANDS + 2)
    edges = np.where(scale < 15, scale * 200 / 3, 1000 * 6.4 ** ((scale - 15) / 27))[:, None]
    frequencies = np.fft.rfftfreq(voices.WINDOW, 1 / voices.HEARING_RATE)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((frequencies - low) / (middle - low), (high - frequencies) / (high - middle)).clip(min=0)
    expected = power @ (triangles * 2 / (high - low)).T
    frames = voices._mel()(torch.from_numpy(sound).float()).T
    torch.testing.assert_close(frames, torch.from_numpy(expected).float(), rtol=1e-3, atol=1e-6)


def test_what_is_missing_or_no_such_file_is_said(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("voice_kad", "voice_variety"):
        assert not DECLARED[name].by_default
        assert DECLARED[name].missing() is None
    (package / "pretrained.pt").write_bytes(b"PK no weights")
    with pytest.raises(UserError, match="not the weights of resemblyzer's speaker encoder"):
        voices.require_speakers(support.mel())
    monkeypatch.setitem(sys.modules, "resemblyzer", None)
    assert DECLARED["voice_kad"].missing() == "needs resemblyzer"
