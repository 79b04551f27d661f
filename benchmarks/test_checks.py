"""What checking an adapter costs, as a share of a generation of `tabular-gmm`, the fastest modality: the dearest to check."""

import time

import torch

from fortifai.config import Sampling
from fortifai.contract import checks
from fortifai.contract.declaration import modalities
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.metrics import find, measure
from fortifai.modalities.tabular.config import MixtureConfig, TableData
from fortifai.objectives import resolve
from fortifai.randomness import stream

N = 1500
MOST = 0.01
"""The bar: one per cent."""


def test_checks_cost_less_than_one_per_cent_of_a_generation(benchmark):
    torch.set_num_threads(1)
    declaration = modalities.get("tabular")
    adapter = declaration.bind(MixtureConfig(), TableData())
    training, objective = adapter.splits.train.take(slice(N)), resolve("ce")
    metrics = [find(declaration, metric.name) for metric in declaration.metrics]
    model = adapter.fit(training, objective, None, stream("benchmark")).model

    def generation() -> float:
        """Return the seconds of a warm generation, checks left out."""
        start = time.perf_counter()
        fit = adapter.fit(training, objective, model, stream("benchmark"))
        made = type(training).synthetic(adapter.sample(fit.model, training, Sampling(temperature=0.9), stream("benchmark")), 1)
        inputs = MetricInputs(adapter, made, fit.model)
        for metric in metrics:
            measure(metric, inputs)
        return time.perf_counter() - start

    fit = adapter.fit(training, objective, model, stream("benchmark"))
    data = adapter.sample(fit.model, training, Sampling(), stream("benchmark"))
    likelihoods = [(samples, adapter.likelihood(fit.model, samples)) for samples in (training, adapter.splits.test)]

    def all_checks() -> None:
        for method in ("fit", "sample"):
            with checks.unchanged(adapter, method, training):
                pass
        checks.check_fit(adapter, fit)
        checks.check_samples(adapter, data, training)
        for samples, likelihood in likelihoods:
            checks.check_likelihood(adapter, likelihood, samples)

    generation()  # imports, and what is computed once
    seconds = min(generation() for _ in range(5))
    benchmark.pedantic(all_checks, rounds=50, warmup_rounds=5)
    share = benchmark.stats.stats.median / seconds
    benchmark.extra_info["share of a generation"] = share
    print(f"\nchecks take {100 * share:.2f} % of a generation of {seconds:.3f} s")
    assert share < MOST
