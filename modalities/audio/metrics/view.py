"""A generation as metrics of clips see it: as pictures, as frames, and as sound. Each is made once.

N clips, T frames of a clip, M bands, L samples of a waveform.
"""

from typing import TypeAlias, TypeVar, cast

from torch import Tensor

from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.samples import Samples

from ...image.adapter import ImageAdapter
from ...image.metrics import features_of
from ..mel.adapter import MelAdapter
from ..spectrogram import waveforms_of
from ..tokens.adapter import TokensAdapter

AudioAdapter: TypeAlias = TokensAdapter | MelAdapter
AudioT = TypeVar("AudioT", bound=TokensAdapter | MelAdapter)

HEARD = 100
"""Clips of each kind that are made into sound, the first ones: phases take longer to find than all else takes to measure."""


def as_pictures(inputs: MetricInputs[AudioT]) -> MetricInputs[ImageAdapter]:
    """Return what the metrics of images read: the clips as pictures, beside the real ones as pictures."""
    return inputs.shared("as pictures", lambda: _as_pictures(inputs))


def real_frames(inputs: MetricInputs[AudioT]) -> Tensor:
    """Return the log-mel frames of the held-out test split, float32 (N, T, M) in [0, 1]."""
    return inputs.once("frames of the test split", lambda: inputs.adapter.frames(inputs.real.data))


def synthetic_frames(inputs: MetricInputs[AudioT]) -> Tensor:
    """Return those of the synthetic clips."""
    return inputs.shared("frames", lambda: inputs.adapter.frames(inputs.synthetic.data))


def real_sound(inputs: MetricInputs[AudioT]) -> Tensor:
    """Return the waveforms of the first 100 held-out clips, float32 (N, L) in [-1, 1], made of their frames as synthetic ones."""
    return inputs.once("sound of the test split", lambda: _sound(real_frames(inputs)))


def synthetic_sound(inputs: MetricInputs[AudioT]) -> Tensor:
    """Return those of the first 100 synthetic clips."""
    return inputs.shared("sound", lambda: _sound(synthetic_frames(inputs)))


def _as_pictures(inputs: MetricInputs[AudioT]) -> MetricInputs[ImageAdapter]:
    adapter = inputs.adapter
    pictures = Samples({"x": adapter.pictures(inputs.synthetic.data)}, inputs.synthetic.origin)
    # The metrics of images ask no adapter for more than its features, whatever its models.
    return MetricInputs(cast(ImageAdapter, adapter.view), pictures, cache=inputs.cache)


def _sound(frames: Tensor) -> Tensor:
    return features_of.once_each(waveforms_of, frames[:HEARD])
