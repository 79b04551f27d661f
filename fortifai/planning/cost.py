"""What the rest of a plan costs: seconds, bytes on disk and bytes of memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fortifai.contract.modality import Modality
from fortifai.contract.samples import Splits
from fortifai.planning.chains import Done, PlannedChain
from fortifai.planning.suite import Regime
from fortifai.recursion import strategies

PROCESS_BYTES = 720 * 2**20
"""Resident memory of a worker with torch, scikit-learn, pandas and a table loaded, before its first fit (measured: 710 MiB)."""


WORKING_COPIES = 30
"""Copies of the training set and of the model that a fit holds at its peak (measured: 28, a mixture of 5 on 91,500 rows)."""


@dataclass(frozen=True)
class Cost:
    """What is left to do: wall-clock seconds with the given workers, bytes on disk, bytes of memory at the peak.

    Bytes are None where they depend on data or a model that is missing here. ``gpu_seconds``: how much of the seconds is that of
    regimes that need a GPU, which workers share rather than multiply.
    """

    seconds: float
    disk_bytes: int | None
    memory_bytes: int | None
    gpu_seconds: float = 0.0


def _cost(
    regime: Regime, planned: Sequence[PlannedChain], loaded: tuple[Modality[Any], Splits] | None, done: Done, keep: str
) -> Cost:
    """Give what is left of one regime, of one worker."""
    fixed, per_sample = speed(regime, done.measured(regime.name))
    seconds, disk, memory = 0.0, 0.0, 0
    sample_bytes = model_bytes = pool_bytes = 0.0
    if loaded is not None:
        modality, splits = loaded
        pool_bytes = splits.train.nbytes()
        sample_bytes, model_bytes = pool_bytes / len(splits.train), modality.model_bytes(splits)
    for chain in planned:
        strategy = strategies.resolve(chain.strategy)
        sizes = [strategy.training_size(chain.n, g) for g in range(chain.horizon + 1)]
        if chain.state not in ("done", "diverged"):
            seconds += sum(fixed + per_sample * size for size in sizes[chain.finished :])
            disk += _disk(keep, strategy, chain.n, len(sizes), sample_bytes, model_bytes)
        peak = PROCESS_BYTES + pool_bytes + WORKING_COPIES * (max(sizes) * sample_bytes + model_bytes)
        memory = max(memory, round(peak))
    return Cost(seconds, None if loaded is None else round(disk), None if loaded is None else memory)


def speed(regime: Regime, measured: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Give the seconds of a generation as a fixed part and a part for each training sample.

    From what was measured, as a line through it where sizes differ; before anything was, from what the suite file declares.
    """
    if not measured:
        return regime.seconds_per_generation, regime.seconds_per_sample
    sizes, seconds = np.array(measured).T
    if np.ptp(sizes) == 0:
        return max(float(seconds.mean()) - regime.seconds_per_sample * float(sizes[0]), 0.0), regime.seconds_per_sample
    slope = max(float(np.polyfit(sizes, seconds, 1)[0]), 0.0)
    return max(float(seconds.mean() - slope * sizes.mean()), 0.0), slope


def _disk(keep: str, strategy: strategies.Strategy, n: int, generations: int, sample_bytes: float, model_bytes: float) -> float:
    """Bytes that a finished chain leaves, records included (about 2 kB a generation)."""
    made = [strategy.makes(n, generation) for generation in range(generations)]
    samples = sum(made) if keep in ("all", "samples") or strategy.remembers_all else made[-1]
    models = model_bytes * (generations if keep == "all" else 1)
    return (0 if keep == "none" else samples * sample_bytes + models) + 2048 * generations
