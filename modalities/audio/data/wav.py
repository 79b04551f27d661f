"""WAV files, by the standard library: torchaudio reads none without another package."""

import wave
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fortifai.errors import UserError

LONGEST_SECONDS = 3600
WIDTHS = {1: "u1", 2: "<i2", 4: "<i4"}
"""NumPy's names of the types of samples of so many bytes that are read."""


def read_wav(file: Path) -> tuple[Tensor, int]:
    """Return a recording, float32 (n,) in [-1, 1], the mean of its channels, and its samples a second.

    Raises:
        UserError: It is no WAV file of 8, 16 or 32 bit PCM, or is longer than an hour, with the reason.
    """
    try:
        with wave.open(str(file), "rb") as opened:
            rate, width, channels, count = (
                opened.getframerate(),
                opened.getsampwidth(),
                opened.getnchannels(),
                opened.getnframes(),
            )
            if count > LONGEST_SECONDS * rate:
                raise UserError(f"{file}: {count / max(rate, 1):.0f} s, and at most {LONGEST_SECONDS} s are read")
            content = opened.readframes(count)
    except (OSError, EOFError, wave.Error) as error:
        raise UserError(f"{file} cannot be read as a WAV file: {str(error) or 'it ends too soon'}") from error
    if width not in WIDTHS:
        raise UserError(f"{file}: its samples have {8 * width} bits, and PCM of 8, 16 or 32 bits is read; save it as 16 bit")
    if len(content) < width * channels:
        raise UserError(f"{file} holds no samples")
    samples = np.frombuffer(content[: len(content) // (width * channels) * width * channels], np.dtype(WIDTHS[width]))
    scaled = (samples.astype(np.float32) - (128 if width == 1 else 0)) / 2 ** (8 * width - 1)
    return torch.from_numpy(scaled.reshape(-1, channels).mean(axis=1)), rate


def write_wav(waveform: Tensor, rate: int, file: Path) -> None:
    """Write a waveform, float (n,) in [-1, 1], as 16 bit mono; what lies beyond is clipped."""
    samples = (waveform.clamp(-1, 1) * (2**15 - 1)).round().numpy().astype("<i2")
    with wave.open(str(file), "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(rate)
        opened.writeframes(samples.tobytes())
