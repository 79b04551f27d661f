"""What a batch of chains gains: 10,000 chains x 100 generations x n = 100 of a Gaussian under replace, beside a loop over chains.

Run with ``pytest benchmarks/test_laws.py``. Both draw every sample. The batch runs through the protocol (streams, composing, the
objective, metrics and records included), all 10,000 chains of it; the loop is plain NumPy, and runs a stated part of the
chains, because its time is proportional to them.
"""

import math
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from fortifai.laws.closed_forms import replace_log_variance
from fortifai.laws.experiments import GAUSSIAN, log_variance
from fortifai.laws.monte_carlo import Check, Experiment, measure

CHAINS, FITS, N = 10_000, 100, 100
LOOPED = 400
"""Chains that the loop runs: 1 of 25."""

PREDICTED = replace_log_variance(N, FITS)
EXPERIMENT = Experiment(GAUSSIAN, N, "replace", (Check(2, "benchmark", FITS, log_variance, PREDICTED),))


def loop(chains: int, seed: int = 0) -> list[float]:
    """Run chains one by one, and return the log variance of each after 100 fits."""
    rng = np.random.default_rng(seed)
    log_variances = []
    for _ in range(chains):
        mean, deviation = 0.0, 1.0
        for _ in range(FITS):
            x = rng.normal(mean, deviation, N)
            mean, deviation = x.mean(), x.std()
        log_variances.append(2 * math.log(deviation))
    return log_variances


@pytest.fixture(autouse=True)
def one_thread():
    """Run with one thread, as chains do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_batch_against_a_loop(benchmark: BenchmarkFixture) -> None:
    measure(replace(EXPERIMENT, n=10), 1_000, 0)  # so that nothing is imported or allocated for the first time
    loop(4)
    seconds = []

    def both() -> None:
        # Side by side, the loop before and after, so that a machine that slows down slows both.
        start = time.perf_counter()
        looped = loop(LOOPED // 2, 1)
        middle = time.perf_counter()
        (tally,) = measure(EXPERIMENT, CHAINS, 0)
        end = time.perf_counter()
        looped += loop(LOOPED // 2, 2)
        seconds.append((end - middle, (time.perf_counter() - end + middle - start) * CHAINS / LOOPED))
        assert abs(tally.mean - PREDICTED) < 4.5 * tally.standard_error
        assert abs(np.mean(looped) - PREDICTED) < 4.5 * np.std(looped) / math.sqrt(LOOPED)

    benchmark.pedantic(both, rounds=3, iterations=1)
    ratios = [slow / fast for fast, slow in seconds]
    benchmark.extra_info.update(batch_seconds=[fast for fast, _ in seconds], loop_seconds=[slow for _, slow in seconds])
    print(
        *(
            f"\nbatch {fast:.2f} s, loop {slow:.1f} s (from {LOOPED} of {CHAINS} chains): {slow / fast:.1f}"
            for fast, slow in seconds
        )
    )
    assert sorted(ratios)[1] >= 10
