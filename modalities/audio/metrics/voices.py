"""Whose voices are heard: by a network that tells speakers apart, and that nobody trained here.

N clips, L samples of a waveform. The weights are Resemblyzer's (Wan et al., "Generalized End-to-End Loss for Speaker
Verification", 2018, 1710.10467). The package is asked for its file and not imported: it would want librosa, and a detector of
voices that has to be compiled.
"""

import pickle
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torchaudio.functional import resample
from torchaudio.transforms import MelSpectrogram

from fortifai.contract.metric_inputs import MetricInputs
from fortifai.errors import UserError

from ...image.metrics import features_of
from ..spectrogram import RATE
from .embedding import squared_discrepancy
from .view import AudioAdapter, real_sound, synthetic_sound

HEARING_RATE = 16_000
WINDOW, HOP, BANDS, FRAMES = 400, 160, 40, 160
"""What the network was trained on: 1.6 s of a mel spectrum, in steps of 10 ms."""

SIZE, LAYERS = 256, 3


class SpeakerEncoder(nn.Module):
    """Resemblyzer's network: an LSTM over mel frames, and a layer on its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(BANDS, SIZE, LAYERS, batch_first=True)
        self.linear = nn.Linear(SIZE, SIZE)

    def forward(self, frames: Tensor) -> Tensor:
        """Return embeddings of unit length, (N, 256), of mel frames (N, 160, 40)."""
        _, (last, _) = self.lstm(frames)
        return nn.functional.normalize(torch.relu(self.linear(last[-1])))


def voice_kad(inputs: MetricInputs[AudioAdapter]) -> float:
    """Return the kernel distance between the voices of synthetic and of held-out real clips; 0 for equal laws, at most 2.

    The squared maximum mean discrepancy of speaker embeddings under a Gaussian kernel as wide as the median distance between two
    real ones, without bias, so that it may fall below 0; see `kad`. Of the first 100 clips of each, as sound made of frames.
    """
    real = inputs.once("voices of the test split", lambda: voices_in(real_sound(inputs)))
    width = inputs.once("width of the kernel of voices", lambda: float(torch.pdist(real).median()))
    return squared_discrepancy(real, _synthetic(inputs), width)


def voice_variety(inputs: MetricInputs[AudioAdapter]) -> float:
    """Return how far apart the voices of two synthetic clips are, relative to held-out real ones: 0 = one voice, 1 = as varied.

    The mean distance between the speaker embeddings of two clips, of the first 100 of each, as sound made of their frames.
    """
    real = inputs.once("voices of the test split", lambda: voices_in(real_sound(inputs)))
    return float(torch.pdist(_synthetic(inputs)).mean() / torch.pdist(real).mean())


@torch.no_grad()
def voices_in(waveforms: Tensor) -> Tensor:
    """Return the speaker embedding of each waveform, float64 (N, 256) of unit length.

    Args:
        waveforms: Float32 (N, L) in [-1, 1], at 8 kHz; beyond 1.6 s they are not listened to.
    """
    sound = resample(waveforms, RATE, HEARING_RATE)[:, : FRAMES * HOP]
    sound = nn.functional.pad(sound, (0, FRAMES * HOP - sound.shape[1]))
    frames = _mel()(sound).transpose(1, 2)[:, :FRAMES]
    return features_of.once_each(_encoder(), frames).double()


def require_speakers(_: AudioAdapter) -> None:
    """Raise UserError where the package's file is not what its network can be read from."""
    _encoder()


def _synthetic(inputs: MetricInputs[AudioAdapter]) -> Tensor:
    return inputs.shared("voices", lambda: voices_in(synthetic_sound(inputs)))


@cache
def _mel() -> MelSpectrogram:
    """Return mel frames as librosa makes them by default, which Resemblyzer calls: power, without a logarithm."""
    return MelSpectrogram(
        HEARING_RATE, n_fft=WINDOW, hop_length=HOP, n_mels=BANDS, norm="slaney", mel_scale="slaney", pad_mode="constant"
    )


@cache
def _encoder() -> SpeakerEncoder:
    package = find_spec("resemblyzer")
    if package is None or package.origin is None:
        raise UserError("voices are told apart by resemblyzer's weights; pip install --no-deps resemblyzer")
    file = Path(package.origin).parent / "pretrained.pt"
    encoder = SpeakerEncoder()
    try:
        weights = torch.load(file, map_location="cpu", weights_only=True)["model_state"]
        encoder.load_state_dict({name: weights[name] for name in encoder.state_dict()})
    except (OSError, KeyError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        raise UserError(f"{file}: not the weights of resemblyzer's speaker encoder ({type(error).__name__})") from None
    return encoder.eval().requires_grad_(False)
