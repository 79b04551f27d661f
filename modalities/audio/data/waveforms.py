"""From a recording to a clip: one rate, one length, one loudness, and no silence before it."""

from functools import cache

import torch
from torch import Tensor
from torchaudio.transforms import Resample

from fortifai.errors import UserError

from ..spectrogram import LENGTH, RATE

PEAK = 0.5
"""Of every clip, so that how loud somebody was recorded is no part of what is learned."""

QUIET = 0.02
"""Share of the peak below which the beginning and the end of a recording are silence."""

LEAD = 0.02
"""Seconds that are kept before the first sound."""


def clip_of(recording: Tensor, rate: int) -> Tensor:
    """Return a recording as a clip, float32 (L,): from 20 ms before its first sound on, its peak 0.5, cut or padded with zeros.

    Args:
        recording: Float32 (n,) in [-1, 1].
        rate: Its samples a second.

    Raises:
        UserError: Nothing is to be heard in it.
    """
    at_rate = _resampler(rate)(recording) if rate != RATE else recording
    peak = float(at_rate.abs().max()) if len(at_rate) else 0.0
    if not 0 < peak < float("inf"):
        raise UserError("holds no sound")
    loud = torch.nonzero(at_rate.abs() > QUIET * peak)
    first = max(0, int(loud[0]) - round(LEAD * RATE))
    clip = torch.zeros(LENGTH)
    sound = at_rate[first : int(loud[-1]) + 1][:LENGTH]
    clip[: len(sound)] = sound * (PEAK / peak)
    return clip


@cache
def _resampler(rate: int) -> Resample:
    return Resample(rate, RATE)  # its filter is computed once, which takes longer than a clip does
