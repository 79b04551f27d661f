"""How well `fortifai plan` predicts: seconds of a short chain of every regime, as a probe of 5 s predicts them, and as they are.

``python benchmarks/plan_accuracy.py [SUITE ...] [--most 60] [--least 10] [--probe 5]`` prints a line for each regime, of all or
of these suites, that this machine has what is needed for: what the suite file declares, what the probe predicts, and what the
first generations of a chain of cross entropy took: three, or as many as are predicted to take ``--least`` seconds. All seconds,
those of the probe too, are of the processor, and of one thread: on an idle core they are those of the clock, and on a busy
machine other processes do not count. A regime of which a generation is predicted to take longer than ``--most`` is not run.
"""

import argparse
import math
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from unittest import mock

from fortifai.errors import UserError
from fortifai.planning import probing
from fortifai.planning.chains import Selection
from fortifai.planning.loading import Adapters
from fortifai.planning.plan import make_plan
from fortifai.planning.suite import Regime
from fortifai.planning.suite_file import load_suite, suite_names
from fortifai.recursion import strategies
from fortifai.runner.run import run
from fortifai.runner.run_folder import RunFolder


@contextmanager
def processor_time() -> Iterator[None]:
    """Let every second, and the alarm of a probe, be of the processor."""
    clocks = mock.patch.multiple(time, perf_counter=time.process_time, monotonic=time.process_time)
    with clocks, mock.patch.multiple(signal, ITIMER_REAL=signal.ITIMER_PROF, SIGALRM=signal.SIGPROF):
        yield


GENERATIONS = 3
"""Generations from 1 on that are run at least, of a regime that has so many."""


def of_regime(suite: str, regime: Regime, seconds: float, least: float, most: float) -> float | None:
    """Print a line for a regime, and return what it took over what was predicted; None where it was not run."""
    strategy = next(name for name in regime.strategies if strategies.resolve(name).recursive)
    what = {"seeds": 1, "objectives": ["ce"], "strategies": [strategy], "regimes": [regime.name]}
    label, adapters = f"{suite:18} {regime.name:18}", Adapters()
    try:
        plan = make_plan(load_suite(suite, []), Selection(**what), adapters=adapters)
        plan.require_needs()
    except UserError as error:
        print(f"{label} not here: {str(error).splitlines()[-1].strip()[:80]}", flush=True)
        return None
    chain, composed = plan.chains[0], strategies.resolve(strategy)
    with tempfile.TemporaryDirectory() as out, processor_time():
        folder = RunFolder.of(out, plan.suite)
        found = probing.probe(plan, folder, adapters, seconds)
        if regime.name not in found:
            print(f"{label} a generation is longer than the probe", flush=True)
            return None
        pace = found[regime.name].speed
        one = pace.fixed + pace.per_sample * composed.training_size(chain.n, 1)
        generations = min(chain.horizon, max(GENERATIONS, math.ceil(least / one)))
        sizes = [composed.training_size(chain.n, generation) for generation in range(1, generations + 1)]
        declared = sum(regime.seconds_per_generation + regime.seconds_per_sample * size for size in (chain.n, *sizes))
        predicted = pace.of_first(chain.n) + sum(pace.fixed + pace.per_sample * size for size in sizes)
        if one > most:
            print(f"{label} declared {declared:7.1f} s, predicted {predicted:7.1f} s, not run", flush=True)
            return None
        run(suite, out, executor="in-process", quiet=True, keep="none", generations=generations, **what)
        took = sum(one.seconds for one in folder.measured(regime.name))
    text = (
        f"declared {declared:7.1f} s, predicted {predicted:7.1f} s, took {took:7.1f} s, took / predicted {took / predicted:.2f}"
    )
    print(f"{label} {text}", flush=True)
    return took / predicted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", metavar="SUITE")
    parser.add_argument("--most", type=float, default=60.0)
    parser.add_argument("--least", type=float, default=10.0)
    parser.add_argument("--probe", type=float, default=probing.SECONDS)
    options = parser.parse_args()
    ratios: list[float] = []
    with tempfile.TemporaryDirectory() as cache, mock.patch.object(probing, "cached_file", lambda kind, name: Path(cache) / name):
        for suite in options.suites or suite_names():
            for regime in load_suite(suite, []).regimes:
                if (ratio := of_regime(suite, regime, options.probe, options.least, options.most)) is not None:
                    ratios.append(ratio)
    within = sum(abs(ratio - 1) <= 0.2 for ratio in ratios)
    print(f"{within} of {len(ratios)} regimes within 20 %, median of took / predicted {median(ratios):.2f}")


if __name__ == "__main__":
    main()
