"""What the tests of audio share: few speakers, and small models. Without the extra `audio` these tests are skipped."""

from functools import cache
from typing import Any

import pytest
import torch

try:
    import espeakng_loader
    import torchaudio
except Exception as error:  # a torchaudio beside a torch of another version raises OSError
    pytest.skip(f"the extra audio is not installed: {error}", allow_module_level=True)

from fortifai import objectives
from fortifai.contract.declaration import modalities
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.samples import Samples
from fortifai.modalities.audio.config import AudioData
from fortifai.modalities.audio.mel.adapter import MelAdapter
from fortifai.modalities.audio.tokens.adapter import TokensAdapter
from fortifai.modalities.audio.tokens.config import TokensConfig
from fortifai.modalities.image.vae.config import VAEConfig

__all__ = ["FEW", "espeakng_loader", "inputs_of", "mel", "objective", "sine", "tokens", "torchaudio"]

FEW = AudioData(speakers=20)
"""200 clips: 15 speakers in the pool, 2 for validation, 3 for testing."""

TINY: dict[str, Any] = {
    "vocabulary": 16,
    "hidden_size": 16,
    "intermediate_size": 16,
    "layers": 1,
    "heads": 2,
    "device": "cpu",
    "training": {"batch": 16, "learning_rate": 5e-3},
}


@cache
def tokens() -> TokensAdapter:
    return TokensAdapter(TokensConfig(**TINY), FEW)


@cache
def mel() -> MelAdapter:
    return MelAdapter(VAEConfig(channels=4, latent=3, epochs=2, device="cpu"), FEW)


def objective(name: str, modality: str = "audio-tokens") -> objectives.Objective:
    return objectives.resolve_for(name, modalities.get(modality).elements)


def inputs_of(adapter: TokensAdapter | MelAdapter, synthetic: Samples) -> MetricInputs[Any]:
    return MetricInputs(adapter, synthetic)


def sine(frequency: float, seconds: float, rate: int = 8000, amplitude: float = 0.5) -> torch.Tensor:
    """A tone, float32 (n,)."""
    return amplitude * torch.sin(2 * torch.pi * frequency * torch.arange(round(seconds * rate)) / rate)
