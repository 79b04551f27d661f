"""D_null: what the fidelity metric reads when a model has lost everything and repeats one sample."""

from typing import Any

import torch

from fortifai.contract.metric import Metric
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.modality import Modality
from fortifai.contract.samples import Splits
from fortifai.metrics import measure
from fortifai.randomness import stream

NULLS = 64
"""How many nulls the median is taken over: a single one decides results (it spans 0.83 to 1.68 on diamonds)."""


def measure_nulls(modality: Modality[Any], splits: Splits, metric: Metric, n: int) -> list[float]:
    """Measure 64 nulls, each one training sample repeated n times; empty for an accuracy, whose null is chance."""
    if metric.chance is not None:
        return []
    pool, cache = splits.train, dict[str, Any]()
    chosen = torch.randint(len(pool), (NULLS,), generator=stream("null"))
    repeated = (pool.take(index.repeat(n)).made_by(0) for index in chosen)
    return [measure(metric, MetricInputs(splits, samples, modality, None, cache)) for samples in repeated]
