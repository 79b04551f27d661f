"""All clips of a source, before they are split."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Recordings:
    """Clips, what is said in each, and by whom.

    Attributes:
        frames: Log-mel, float32 (n, T, M) in [0, 1]; see `spectrogram.frames_of`.
        labels: What is said, int64 (n,), positions in ``classes``; zeros where the source does not say.
        speakers: Who says it, int64 (n,), from 0 on: clips of one speaker go to one split.
        classes: The names of the labels; none where the source does not say.
    """

    frames: Tensor
    labels: Tensor
    speakers: Tensor
    classes: tuple[str, ...] = ()
