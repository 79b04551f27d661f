"""What a batch of chains gains: 10,000 chains x 100 generations x n = 100 of a Gaussian under replace, beside a loop over chains.

Run with ``pytest benchmarks/test_laws.py -s``. Both draw every sample. The batch runs through the protocol (streams, composing,
the objective, metrics and records included), all 10,000 chains of it; the loop is plain NumPy, and runs a stated part of the
chains, because its time is proportional to them. Beside them stands what the batch cannot do without: its random numbers, and
what the protocol does a generation whatever the number of chains. All is processor time of one thread.
"""

import math
from dataclasses import replace
from statistics import median

import numpy as np
import torch
from processor_time import seconds
from pytest_benchmark.fixture import BenchmarkFixture

from fortifai.laws.closed_forms import replace_log_variance
from fortifai.laws.experiments import GAUSSIAN, log_variance
from fortifai.laws.monte_carlo import BATCH_SAMPLES, Check, Experiment, measure, run_batch
from fortifai.modalities.analytic.batch import noise

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


def draw() -> None:
    """Draw the random numbers of all chains and generations, in the same batches."""
    rng, most = torch.Generator(), BATCH_SAMPLES // N
    for first in range(0, CHAINS, most):
        for _ in range(FITS):
            noise((N, min(most, CHAINS - first)), rng)


def protocol() -> None:
    """Run as many batches, of one chain each."""
    for _ in range(0, CHAINS, BATCH_SAMPLES // N):
        run_batch(EXPERIMENT, 1, 0)


def test_batch_against_a_loop(benchmark: BenchmarkFixture) -> None:
    measure(replace(EXPERIMENT, n=10), 1_000, 0)  # so that nothing is imported or allocated for the first time
    loop(4)
    rounds: list[dict[str, float]] = []

    def side_by_side() -> None:
        # The loop before and after, so that a machine that slows down slows both.
        looped: list[float] = []
        tallies = []
        slow = seconds(lambda: looped.extend(loop(LOOPED // 2, 1)))
        fast = seconds(lambda: tallies.extend(measure(EXPERIMENT, CHAINS, 0)))
        slow += seconds(lambda: looped.extend(loop(LOOPED // 2, 2)))
        rounds.append(
            {"batch": fast, "loop": slow * CHAINS / LOOPED, "random numbers": seconds(draw), "protocol": seconds(protocol)}
        )
        assert abs(tallies[0].mean - PREDICTED) < 4.5 * tallies[0].standard_error
        assert abs(np.mean(looped) - PREDICTED) < 4.5 * np.std(looped) / math.sqrt(LOOPED)

    benchmark.pedantic(side_by_side, rounds=5, iterations=1)
    benchmark.extra_info.update(rounds=rounds)
    for each in rounds:
        print("\n" + ", ".join(f"{name} {value:.2f} s" for name, value in each.items()), end="")
        print(f": the loop takes {each['loop'] / each['batch']:.1f} batches", end="")
    floor = median(each["loop"] / (each["random numbers"] + each["protocol"]) for each in rounds)
    print(f"\nloop over random numbers and protocol alone: {floor:.1f}")
    assert median(each["loop"] / each["batch"] for each in rounds) >= 10
