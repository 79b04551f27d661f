"""Log-mel frames and pictures, the way back to sound, and the autoencoder of such pictures."""

import audio_support as support
import pytest
import torch

from fortifai.contract.samples import Samples
from fortifai.errors import UserError
from fortifai.modalities.audio import spectrogram
from fortifai.modalities.audio.config import AudioData
from fortifai.modalities.audio.mel.adapter import MelAdapter
from fortifai.modalities.image.vae.config import VAEConfig, VAESampling
from fortifai.randomness import stream


def tone(frequency: float) -> torch.Tensor:
    return support.sine(frequency, spectrogram.LENGTH / spectrogram.RATE)[None]


@pytest.mark.parametrize("frequency", [300, 1000, 2500])
def test_a_tone_is_loudest_in_the_band_of_its_frequency(frequency):
    frames = spectrogram.frames_of(tone(frequency))
    assert frames.shape == (1, spectrogram.FRAMES, spectrogram.BANDS)
    mel = 2595 * torch.log10(1 + torch.tensor([frequency, spectrogram.RATE / 2]) / 700)
    band = float(mel[0] / mel[1]) * (spectrogram.BANDS + 1) - 1
    assert frames[0, 10:50].argmax(1).float().mean().item() == pytest.approx(band, abs=0.75)


def test_ten_times_the_amplitude_is_20_db():
    loud, quiet = (spectrogram.decibels(spectrogram.frames_of(scale * tone(1000))) for scale in (0.5, 0.05))
    assert float((loud - quiet).amax(2).median()) == pytest.approx(20, abs=0.3)


def test_frames_of_the_sound_that_is_made_of_frames_are_the_same_to_2_db():
    frames = support.mel().clips.test.frames[:8]
    again = spectrogram.frames_of(spectrogram.waveforms_of(frames))
    assert float((again - frames).abs().mean()) * spectrogram.RANGE_DB < 3


def test_sound_is_made_the_same_way_twice_and_whatever_is_beside_it():
    frames = support.mel().clips.test.frames[:3]
    assert torch.allclose(spectrogram.waveforms_of(frames)[:1], spectrogram.waveforms_of(frames[:1]), atol=1e-4)


def test_pictures_are_frames_at_half_the_rate():
    frames = support.mel().clips.test.frames[:4]
    pictures = spectrogram.pictures_of(frames)
    assert pictures.shape == (4, 1, 32, 32)
    back = spectrogram.frames_of_pictures(pictures)
    assert torch.equal(back[:, 0::2], back[:, 1::2])
    assert torch.allclose(back[:, 0::2], (frames[:, 0::2] + frames[:, 1::2]) / 2)
    assert torch.allclose(spectrogram.pictures_of(back), pictures)


def test_two_generations_of_pictures():
    adapter = support.mel()
    real = adapter.splits.train.take(slice(64))
    first = adapter.fit(real, support.objective("ce", "audio-mel"), None, stream("fit")).model
    made = Samples.synthetic(adapter.sample(first, real, VAESampling(), stream("sample")), 0)
    fit = adapter.fit(made, support.objective("tce-quantile:keep=0.8,unit=sample", "audio-mel"), first, stream("refit"))
    second = adapter.sample(fit.model, made, VAESampling(), stream("sample"))
    assert fit.masked_share == pytest.approx(0.2, abs=0.05)
    assert second["x"].shape == (64, 1, 32, 32)
    assert 0 <= second["x"].min() < second["x"].max() <= 1
    assert not torch.equal(second["x"], made["x"])


def test_a_classifier_without_labels_is_refused(tmp_path):
    from test_audio_data import write

    for number in range(30):
        write(tmp_path, f"{number}.wav", support.sine(300 + 10 * number, 0.3))
    with pytest.raises(UserError, match="needs labels"):
        MelAdapter(VAEConfig(), AudioData(source=str(tmp_path), features="classifier"))
