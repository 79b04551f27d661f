"""Clips as pictures, and back: log-mel frames of a waveform, and a waveform that has such frames.

N clips, L samples of a waveform, T frames of a clip, M bands; 8 kHz, mono.
"""

from functools import cache

import torch
from torch import Tensor
from torchaudio.transforms import GriffinLim, InverseMelScale, MelSpectrogram

RATE = 8000
"""Samples a second."""

HOP = 88
"""Samples from frame to frame: 11 ms."""

FRAMES = 64
"""Frames of a clip, T."""

LENGTH = (FRAMES - 1) * HOP
"""Samples of a clip, L: 0.69 s, which hold any of the ten digits."""

BANDS = 32
"""Bands of the mel scale, M, from 0 to 4 kHz."""

WINDOW = 256
"""Samples of a frame's window: 32 ms."""

LOUDEST_DB = 30.0
"""What a 1 stands for; of clips whose peak is 0.5 no band comes much above it."""

RANGE_DB = 70.0
"""From what a 0 stands for to what a 1 does."""

LEVELS = 255
"""Steps from 0 to 1, as coarse as 0.3 dB: how another machine rounds does not decide what the data is."""

ITERATIONS = 32
"""Of Griffin and Lim's algorithm."""

SIDE = 32
"""Rows and columns of a clip's picture: two frames to a column."""

BATCH = 256
"""Clips that are transformed at once."""


@torch.no_grad()
def frames_of(waveforms: Tensor) -> Tensor:
    """Return log-mel frames, float32 (N, T, M) in [0, 1]: from 70 dB below a loud band to a loud band, in steps of 0.3 dB.

    Args:
        waveforms: Float32 (N, L) in [-1, 1], N >= 1.
    """
    power = torch.cat([_mel()(part) for part in waveforms.split(BATCH)]).transpose(1, 2)
    scaled = (10 * power.clamp(min=1e-12).log10() - (LOUDEST_DB - RANGE_DB)) / RANGE_DB
    return ((scaled.clamp(0, 1) * LEVELS).round() / LEVELS).contiguous()


def decibels(frames: Tensor) -> Tensor:
    """Return what log-mel frames in [0, 1] stand for, in dB, of the same shape."""
    return frames * RANGE_DB + LOUDEST_DB - RANGE_DB


@torch.no_grad()
def waveforms_of(frames: Tensor) -> Tensor:
    """Return waveforms that have these frames, as near as there are any: float32 (N, L) in [-1, 1].

    Mel bands are spread over frequencies by least squares, and phases found by Griffin and Lim's algorithm from a fixed start:
    the same frames, the same waveform.

    Args:
        frames: Log-mel, float32 (N, T, M) in [0, 1], N >= 1.
    """
    power = torch.where(frames > 0, (decibels(frames) / 10 * torch.tensor(10.0).log()).exp(), 0.0).transpose(1, 2)
    return torch.cat([_phases()(_spread()(part).clamp(min=0)) for part in power.split(BATCH)]).clamp(-1, 1)


def pictures_of(frames: Tensor) -> Tensor:
    """Return clips as pictures, float32 (N, 1, 32, 32) in [0, 1]: low bands at the bottom, the mean of two frames a column.

    Args:
        frames: Log-mel, float32 (N, T, M) in [0, 1].
    """
    columns: Tensor = frames.unflatten(1, (SIDE, FRAMES // SIDE)).mean(2)
    return columns.transpose(1, 2).flip(1).unsqueeze(1).contiguous()


def frames_of_pictures(pictures: Tensor) -> Tensor:
    """Return log-mel frames, float32 (N, T, M) in [0, 1], of pictures (N, 1, 32, 32): each column stands for two equal frames."""
    return pictures.squeeze(1).flip(1).transpose(1, 2).repeat_interleave(FRAMES // SIDE, dim=1)


@cache
def _mel() -> MelSpectrogram:
    return MelSpectrogram(RATE, n_fft=WINDOW, hop_length=HOP, n_mels=BANDS)


@cache
def _spread() -> InverseMelScale:
    return InverseMelScale(WINDOW // 2 + 1, BANDS, RATE, driver="gelsd")


@cache
def _phases() -> GriffinLim:
    return GriffinLim(WINDOW, ITERATIONS, hop_length=HOP, length=LENGTH, rand_init=False)
