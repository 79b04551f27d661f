"""What the tests of audio share: few speakers. Without the extra `audio` these tests are skipped."""

import pytest
import torch

try:
    import espeakng_loader
    import torchaudio
except Exception as error:  # a torchaudio beside a torch of another version raises OSError
    pytest.skip(f"the extra audio is not installed: {error}", allow_module_level=True)

from fortifai.modalities.audio.config import AudioData

__all__ = ["FEW", "espeakng_loader", "sine", "torchaudio"]

FEW = AudioData(speakers=20)
"""200 clips: 15 speakers in the pool, 2 for validation, 3 for testing."""


def sine(frequency: float, seconds: float, rate: int = 8000, amplitude: float = 0.5) -> torch.Tensor:
    """A tone, float32 (n,)."""
    return amplitude * torch.sin(2 * torch.pi * frequency * torch.arange(round(seconds * rate)) / rate)
