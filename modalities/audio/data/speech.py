"""Spoken digits, made by eSpeak NG: 400 speaker settings, ten words each, always the same."""

import hashlib
import io
import json
import subprocess
import sys
from itertools import product
from pathlib import Path

import espeakng_loader
import numpy as np
import torch
import torchaudio
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from fortifai.cache import cached_file, write_cached
from fortifai.errors import UserError
from fortifai.randomness import stream

from .. import spectrogram
from . import espeak
from .recordings import Recordings
from .waveforms import clip_of

VERSION = 1
"""Of how clips are made of what is spoken: raise it when that changes, so that what older versions cached is not used."""

NAME = "spoken-digits"

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

ACCENTS = ("en-us", "en-gb-x-rp", "en-gb-scotland", "en-029")
VARIANTS = ("", "+m1", "+m3", "+m4", "+m7", "+f1", "+f2", "+f3", "+f4", "+f5")
SPEEDS = (145, 175)
"""In words a minute; at these every digit is shorter than a clip."""
PITCHES = (20, 35, 50, 65, 80)
SETTINGS = tuple(product((a + v for a, v in product(ACCENTS, VARIANTS)), SPEEDS, PITCHES))
"""Voice, speed and pitch of every speaker."""

FRAMES = "frames"


def spoken_digits(speakers: int) -> Recordings:
    """Return the ten digits by so many of the 400 speakers, from the cache or spoken now: 4,000 clips in some 15 s.

    The speakers are drawn at random, the same ones every time; fewer are a part of more.

    Args:
        speakers: At least one.

    Raises:
        UserError: eSpeak NG cannot be run.
    """
    chosen = torch.randperm(len(SETTINGS), generator=stream("audio", "speakers"))[:speakers].tolist()
    utterances = [(*SETTINGS[speaker], word) for speaker in chosen for word in DIGITS]
    path = cached_file("speech", f"digits-{VERSION}-{_made_by(utterances)}.safetensors")
    frames = _cached(path, len(utterances))
    if frames is None:
        frames = spectrogram.frames_of(torch.stack(_spoken(utterances)))
        write_cached(path, save({FRAMES: (frames * spectrogram.LEVELS).round().to(torch.uint8)}))
    return Recordings(
        frames=frames,
        labels=torch.arange(len(DIGITS)).repeat(speakers),
        speakers=torch.arange(speakers).repeat_interleave(len(DIGITS)),
        classes=DIGITS,
    )


def _spoken(utterances: list[tuple[str, int, int, str]]) -> list[Tensor]:
    # By file, so that neither this package nor torch is imported again; -P, so that no folder beside it is searched.
    command = [sys.executable, "-P", str(Path(espeak.__file__))]
    done = subprocess.run(command, input=json.dumps(utterances).encode(), capture_output=True, check=False)
    if done.returncode:
        reason = (done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        raise UserError(f"eSpeak NG of the package espeakng-loader cannot speak: {reason}")
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as content:
        rate = int(content["rate"])
        samples = torch.from_numpy(content["samples"].astype(np.float32) / 2**15)
        return [clip_of(part, rate) for part in samples.split(content["lengths"].tolist())]


def _cached(path: Path, clips: int) -> Tensor | None:
    try:
        frames = load_file(path)[FRAMES]
    except (OSError, SafetensorError, KeyError):  # absent or torn
        return None
    if frames.shape != (clips, spectrogram.FRAMES, spectrogram.BANDS):
        return None
    return frames.float() / spectrogram.LEVELS


def _made_by(utterances: list[tuple[str, int, int, str]]) -> str:
    """Return a hash of what decides the frames: what is spoken, by which library and voices, and how it is transformed."""
    library = hashlib.sha256(Path(espeakng_loader.get_library_path()).read_bytes()).hexdigest()
    sizes = [
        spectrogram.RATE,
        spectrogram.HOP,
        spectrogram.FRAMES,
        spectrogram.BANDS,
        spectrogram.WINDOW,
        spectrogram.LOUDEST_DB,
        spectrogram.RANGE_DB,
    ]
    decides = [utterances, library, sizes, torchaudio.__version__]
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]
