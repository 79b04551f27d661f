"""A few clips for people: to be heard, and to be seen."""

from pathlib import Path

import torch
from torch import Tensor

from ..image.grid import COLUMNS, write_grid
from .data.wav import write_wav
from .spectrogram import RATE, pictures_of, waveforms_of

HEARD = 3
"""Clips in a WAV file, one behind the other, 2.4 s: a report holds one file for every generation that it shows."""

PAUSE = 0.1
"""Seconds between two of them."""


def write_clips(frames: Tensor, stem: Path) -> None:
    """Write the first three clips as one WAV file, 16 bit, and the pictures of the first sixteen as a PNG.

    Args:
        frames: Log-mel, float32 (n, T, M) in [0, 1], n >= 1.
        stem: Path of both files, without its ending.
    """
    waveforms = waveforms_of(frames[:HEARD])
    pause = torch.zeros(len(waveforms), round(PAUSE * RATE))
    write_wav(torch.cat([waveforms, pause], dim=1).flatten(), RATE, stem.with_suffix(".wav"))
    write_grid(pictures_of(frames[:COLUMNS]), stem.with_suffix(".png"))
