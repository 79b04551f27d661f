"""D_null: what the fidelity metric reads when a model has lost everything and repeats one sample."""

from typing import Any

import torch

from fortifai.contract.metric import Metric
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.modality import AnyModality
from fortifai.contract.samples import Samples
from fortifai.metrics import measure
from fortifai.randomness import stream

NULLS = 64
"""How many nulls the median is taken over: a single one decides results (it spans 0.83 to 1.68 on diamonds)."""


def measure_nulls(adapter: AnyModality, metric: Metric, n: int) -> list[float]:
    """Measure 64 nulls, each one training sample repeated n times; none for an accuracy, whose null is chance.

    Args:
        adapter: Bound to the real data that the samples are drawn from and compared with.
        metric: The fidelity metric.
        n: Samples in each null, as many as are measured of a generation.
    """
    if metric.chance is not None:
        return []
    pool, cache = adapter.splits.train, dict[str, Any]()
    chosen = torch.randint(len(pool), (NULLS,), generator=stream("null"))
    repeated = (Samples.synthetic(pool.take(index.repeat(n)).data, 0) for index in chosen)
    return [measure(metric, MetricInputs(adapter, samples, cache=cache)) for samples in repeated]
