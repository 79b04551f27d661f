"""The codebook: log-mel frames as one of K codes, learned from the training pool.

N clips, T frames of a clip, M bands, K codes.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import sklearn
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits
from torch import Tensor

from fortifai.cache import cached_file, write_cached
from fortifai.errors import UserError
from fortifai.randomness import stream

VERSION = 1
"""Of how it is learned: raise it when that changes, so that what older versions cached is not used."""

MOST_FRAMES = 60_000
"""Frames that it is learned from, drawn from the pool at random."""

BATCH = 4096
PASSES = 20
SEED = 0
CENTRES = "centres"
CLIPS_AT_ONCE = 256


@dataclass(frozen=True)
class Codebook:
    """K frames that stand for all others.

    Attributes:
        centres: Float32 (K, M) in [0, 1], from the quietest to the loudest: code 0 is silence.
    """

    centres: Tensor

    def __len__(self) -> int:
        return len(self.centres)

    def encode(self, frames: Tensor) -> Tensor:
        """Return the code of every frame, the nearest centre's place: int32 (N, T) of frames (N, T, M)."""
        parts = [torch.cdist(part, self.centres[None]).argmin(-1).int() for part in frames.split(CLIPS_AT_ONCE)]
        return torch.cat(parts)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the frames that codes stand for, float32 (N, T, M) of int (N, T); what is no code is silence."""
        return self.centres[torch.where((codes >= 0) & (codes < len(self)), codes, 0).long()]


def learn(frames: Tensor, codes: int) -> Codebook:
    """Return a codebook by k-means (scikit-learn), the same one every time, from the cache or learned now in some seconds.

    Args:
        frames: Log-mel, float32 (N, T, M) in [0, 1].
        codes: How many, K.

    Raises:
        UserError: There are not so many different frames.
    """
    content = hashlib.sha256(frames.contiguous().numpy().tobytes()).hexdigest()
    settings = json.dumps([content, codes, sklearn.__version__])
    path = cached_file("codebooks", f"{VERSION}-{hashlib.sha256(settings.encode()).hexdigest()[:16]}.safetensors")
    centres = _cached(path, (codes, frames.shape[-1]))
    if centres is None:
        centres = _learned(frames.flatten(0, 1), codes)
        write_cached(path, save({CENTRES: centres}))
    return Codebook(centres)


def _learned(frames: Tensor, codes: int) -> Tensor:
    chosen = frames[torch.randperm(len(frames), generator=stream("audio", "codebook"))[:MOST_FRAMES]]
    if len(torch.unique(chosen, dim=0)) < codes:
        raise UserError(f"model.vocabulary = {codes}: the training pool has not so many different frames")
    means = MiniBatchKMeans(codes, batch_size=BATCH, max_iter=PASSES, n_init=1, random_state=SEED)
    with threadpool_limits(1):  # sums of several threads are rounded in the order in which they end
        means.fit(chosen.double().numpy())
    centres = torch.from_numpy(means.cluster_centers_).clamp(0, 1)
    return centres[centres.sum(1).argsort(stable=True)].float().contiguous()


def _cached(path: Path, shape: tuple[int, int]) -> Tensor | None:
    try:
        centres = load_file(path)[CENTRES]
    except (OSError, SafetensorError, KeyError):  # absent or torn
        return None
    return centres if centres.shape == shape else None
