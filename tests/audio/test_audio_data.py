"""Spoken digits, folders of WAV files and the sets of torchaudio: read the same way every time, and split by speaker."""

import os
import subprocess
import sys
import wave
from pathlib import Path

import audio_support as support
import pytest
import torch

from fortifai.errors import UserError
from fortifai.modalities.audio.config import AudioData
from fortifai.modalities.audio.data import speech, wav
from fortifai.modalities.audio.data.clips import Clips, load_clips, needs
from fortifai.modalities.audio.data.folder import cut_at_pauses
from fortifai.modalities.audio.data.waveforms import LEAD, PEAK, clip_of
from fortifai.modalities.audio.spectrogram import BANDS, FRAMES, LENGTH, RATE

HASH = """
import hashlib
from fortifai.modalities.audio.data.speech import spoken_digits
print(hashlib.sha256(spoken_digits(3).frames.numpy().tobytes()).hexdigest())
"""


def parts(clips: Clips) -> list[set[int]]:
    return [set(part.speakers.tolist()) for part in (clips.pool, clips.validation, clips.test)]


def test_digits_are_spoken_the_same_way_in_every_process(tmp_path):
    hashes = set()
    for name in ("first", "second"):
        environment = os.environ | {"FORTIFAI_CACHE": str(tmp_path / name)}
        done = subprocess.run([sys.executable, "-c", HASH], env=environment, capture_output=True, text=True, check=True)
        hashes.add(done.stdout)
    assert len(hashes) == 1


def test_what_is_cached_is_what_was_spoken(tmp_path, monkeypatch):
    monkeypatch.setenv("FORTIFAI_CACHE", str(tmp_path))
    spoken = speech.spoken_digits(2)
    assert len(list((tmp_path / "speech").iterdir())) == 1
    monkeypatch.setattr(speech, "_spoken", None)  # called again it would fail
    assert torch.equal(speech.spoken_digits(2).frames, spoken.frames)


def test_a_torn_cache_is_spoken_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("FORTIFAI_CACHE", str(tmp_path))
    spoken = speech.spoken_digits(1)
    next((tmp_path / "speech").iterdir()).write_bytes(b"torn")
    assert torch.equal(speech.spoken_digits(1).frames, spoken.frames)


def test_there_are_four_thousand_settings_and_words():
    assert len(set(speech.SETTINGS)) * len(speech.DIGITS) == 4000


def test_clips_are_log_mel_frames_of_ten_digits_by_every_speaker():
    clips = load_clips(support.FEW)
    frames = torch.cat([clips.pool.frames, clips.validation.frames, clips.test.frames])
    assert frames.shape == (200, FRAMES, BANDS)
    assert frames.dtype == torch.float32
    assert 0 <= frames.min() < frames.max() <= 1
    assert len(torch.unique(frames, dim=0)) == 200
    assert clips.pool.labels.bincount().tolist() == [15] * 10


def test_no_speaker_is_in_two_splits():
    pool, validation, test = parts(load_clips(support.FEW))
    assert (len(pool), len(validation), len(test)) == (15, 2, 3)
    assert not pool & (validation | test)
    assert not validation & test


def test_another_seed_draws_other_speakers():
    assert parts(load_clips(support.FEW)) != parts(load_clips(AudioData(speakers=20, seed=1)))


def test_a_clip_begins_shortly_before_the_first_sound_and_has_a_peak_of_its_own():
    quiet = torch.cat([torch.zeros(4000), support.sine(500, 0.2, amplitude=0.01), torch.zeros(4000)])
    clip = clip_of(quiet, RATE)
    assert clip.shape == (LENGTH,)
    assert float(clip.abs().max()) == pytest.approx(PEAK)
    assert int(torch.nonzero(clip)[0]) == pytest.approx(LEAD * RATE, abs=2)


def test_a_recording_at_another_rate_sounds_the_same():
    slow, fast = (clip_of(support.sine(440, 0.3, rate), rate) for rate in (RATE, 22050))
    assert float((slow - fast)[200:2000].abs().max()) < 0.1 * PEAK


def write(folder: Path, name: str, waveform: torch.Tensor, rate: int = RATE) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    wav.write_wav(waveform, rate, path)
    return path


def words(folder: Path, labels: tuple[str, ...] = ("high", "low"), speakers: int = 20) -> None:
    for place, label in enumerate(labels):
        for speaker in range(speakers):
            write(folder, f"{label}/s{speaker}_nohash_0.wav", support.sine(300 + 10 * speaker + 1000 * place, 0.3))


def test_a_folder_of_folders_has_labels_and_speakers_by_name(tmp_path):
    words(tmp_path)
    clips = load_clips(AudioData(source=str(tmp_path)))
    assert clips.classes == ("high", "low")
    assert [len(part) for part in parts(clips)] == [15, 2, 3]
    assert clips.test.labels.bincount().tolist() == [3, 3]


def test_a_flat_folder_has_no_labels(tmp_path):
    for number in range(30):
        write(tmp_path, f"{number}.wav", support.sine(300 + 10 * number, 0.3))
    clips = load_clips(AudioData(source=str(tmp_path)))
    assert clips.classes == ()
    assert clips.pool.labels.unique().tolist() == [0]


def test_speech_commands_is_read_as_torchaudio_keeps_it(tmp_path):
    folder = tmp_path / "SpeechCommands" / "speech_commands_v0.02"
    words(folder, speech.DIGITS[:3], speakers=12)
    words(folder, ("marvin",), speakers=1)
    (folder / "validation_list.txt").write_text("")
    (folder / "testing_list.txt").write_text("")
    clips = load_clips(AudioData(source="speech-commands", root=str(tmp_path)))
    theirs = support.torchaudio.datasets.SPEECHCOMMANDS(tmp_path)
    known = {theirs.get_metadata(place)[2:4] for place in range(len(theirs))}
    assert len({speaker for word, speaker in known if word in speech.DIGITS}) == sum(len(part) for part in parts(clips))
    assert clips.classes == speech.DIGITS


def test_yesno_is_cut_into_its_words(tmp_path):
    pause = torch.zeros(RATE // 4)
    for number in range(5):
        said = [int(bit) for bit in f"{number * 37 % 256:08b}"]
        recording = torch.cat([torch.cat([support.sine(800 if bit else 400, 0.3), pause]) for bit in said])
        write(tmp_path, f"waves_yesno/{'_'.join(map(str, said))}.wav", recording)
    clips = load_clips(AudioData(source="yesno", root=str(tmp_path)))
    frames, labels = clips.pool.frames, clips.pool.labels
    assert len(frames) == 24
    loudest = frames.mean(1).argmax(1)
    assert clips.classes == ("no", "yes")
    assert {(int(label), int(band)) for label, band in zip(labels, loudest, strict=True)} == {
        (label, int(loudest[labels == label][0])) for label in (0, 1)
    }


def test_a_recording_without_pauses_cannot_be_cut():
    with pytest.raises(UserError, match=r"a\.wav: 8 words are expected"):
        cut_at_pauses(support.sine(400, 2), RATE, 8, Path("a.wav"))


@pytest.mark.parametrize("name", ["speech-commands", "yesno"])
def test_files_of_torchaudio_that_are_missing_are_named_before_anything_runs(name, tmp_path):
    for root in (None, str(tmp_path)):
        data = AudioData(source=name, root=root)
        (need,) = needs(data)
        assert need.missing is not None
        assert "download=True" in need.missing
        with pytest.raises(UserError, match="to fetch it"):
            load_clips(data)


def test_what_cannot_be_read_is_refused_with_the_file(tmp_path):
    words(tmp_path)
    broken = tmp_path / "high" / "broken.wav"
    cases = {b"": "cannot be read as a WAV file", b"RIFF": "cannot be read as a WAV file"}
    for content, reason in cases.items():
        broken.write_bytes(content)
        with pytest.raises(UserError, match=f"broken.wav {reason}"):
            load_clips(AudioData(source=str(tmp_path)))
    write(tmp_path, "high/broken.wav", torch.zeros(800))
    with pytest.raises(UserError, match=r"broken\.wav holds no sound"):
        load_clips(AudioData(source=str(tmp_path)))
    write(tmp_path, "high/broken.wav", support.sine(400, 0.3), rate=4000)
    with pytest.raises(UserError, match=r"broken\.wav: 4000 samples a second are too few"):
        load_clips(AudioData(source=str(tmp_path)))


def test_a_wrong_source_is_refused(tmp_path):
    with pytest.raises(UserError, match="did you mean 'spoken-digits'"):
        load_clips(AudioData(source="spoken-digit"))
    with pytest.raises(UserError, match="holds no WAV files"):
        load_clips(AudioData(source=str(tmp_path)))
    write(tmp_path, "one.wav", support.sine(400, 0.3))
    with pytest.raises(UserError, match="holds 1 clips; at least 30"):
        load_clips(AudioData(source=str(tmp_path)))


@pytest.mark.parametrize(("width", "zero", "full"), [(1, 128, 255), (2, 0, 2**15 - 1), (4, 0, 2**31 - 1)])
def test_samples_of_every_width_are_scaled_alike_and_channels_averaged(tmp_path, width, zero, full):
    path = tmp_path / "stereo.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(width)
        file.setframerate(RATE)
        file.writeframes(b"".join(value.to_bytes(width, "little", signed=width > 1) for value in (full, zero, full, full)))
    samples, rate = wav.read_wav(path)
    assert rate == RATE
    assert samples.tolist() == pytest.approx([0.5, 1.0], abs=0.01)
