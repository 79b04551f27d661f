"""Metrics of tables: how far the rows of a generation are from held-out real rows. Samples hold ``x``, float64 (n, D)."""

import ot
import torch
from torch import Tensor

from fortifai.metrics.inputs import MetricInputs

PROJECTIONS = 100


def sliced_wasserstein(inputs: MetricInputs) -> float:
    """Mean Wasserstein-1 distance over 100 random directions, the same in every generation; >= 0, in standard deviations."""
    real, synthetic = inputs.real["x"], inputs.synthetic["x"]
    directions = inputs.once("sliced_wasserstein", lambda: _directions(real.shape[1], inputs.stream("sliced_wasserstein")))
    return float(ot.sliced.sliced_wasserstein_distance(synthetic.numpy(), real.numpy(), projections=directions.numpy(), p=1))


def _directions(columns: int, rng: torch.Generator) -> Tensor:
    raw = torch.randn(columns, PROJECTIONS, dtype=torch.float64, generator=rng)
    return torch.nn.functional.normalize(raw, dim=0)
