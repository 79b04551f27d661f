"""A regime in miniature: generations of few samples and few passes, timed, from which the time of whole ones is worked out."""

import copy
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from statistics import fmean
from types import FrameType

import torch

from fortifai.contract.modality import AnyModality
from fortifai.contract.samples import Samples
from fortifai.device import one_thread
from fortifai.errors import UserError
from fortifai.records.schema import GenerationRecord
from fortifai.recursion.chain import Chain
from fortifai.recursion.protocol import run_chain

FEWEST = 32
"""Samples of the smallest trial, where the model and the metrics can do with so few."""

LOADING = 4
"""Times the time that was asked for, after which the smallest trial, in which libraries and networks are loaded, is given up."""

SHARE = 0.8
"""Of the time that is left, what a trial is planned to take: it goes by a smaller one, and may take longer."""

WORTH = 1.5
"""Times the samples of a trial that a larger one has at least."""

MOST_GENERATIONS = 20
"""Generations of the longest trial, of fits that cannot be made shorter."""


@dataclass(frozen=True)
class Trial:
    """What the generations of a small chain took.

    Attributes:
        n: Samples of generation 0's training set.
        later_n: Those of the training sets of later generations, on average.
        passes: Of every fit; None: as many as it takes.
        first: Seconds of generation 0, by step; a metric looks at real data in it, once for the chain. Without "measure": of a
            fit alone, and of what it makes.
        later: Seconds of a later one, on average.
    """

    n: int
    later_n: float
    passes: int | None
    first: Mapping[str, float]
    later: Mapping[str, float]


class _Late(BaseException):
    """The time is up; no library takes it for an error of its own."""


def trials(chain: Chain, seconds: float) -> list[Trial]:
    """Run chains like this one in miniature, for some seconds, with one thread, and return what they took.

    At first, beside that time, with the fewest samples and one pass, which also loads what is loaded once; then with as many
    samples as there is time for, up to all of them, and with more passes. What was tried before the time was up, or anything
    failed, is returned.

    Args:
        chain: What to try out.
        seconds: How long, above 0; nothing is tried where that cannot be kept to: outside the main thread.
    """
    tried: list[Trial] = []
    if threading.current_thread() is not threading.main_thread():
        return tried
    # Whatever an adapter raises when it has so few samples, or is interrupted: the run itself will tell.
    with suppress(_Late, Exception), one_thread():
        with _until(LOADING * seconds):
            tried.append(_smallest(chain))
        with _until(seconds):
            tried.extend(_larger(chain, tried[0], time.monotonic() + seconds))
    return tried


def _larger(chain: Chain, small: Trial, until: float) -> Iterator[Trial]:
    """Yield trials of as many samples, and then as many passes, as there is time for."""
    passes = chain.adapter.config.fit_passes(warm=False)
    yield from _whole(chain, small, until) if passes is None else _in_passes(chain, small, passes, until)


def _whole(chain: Chain, small: Trial, until: float) -> Iterator[Trial]:
    """Yield generations of whole fits."""
    last = small
    while True:  # more than once where time grows less than the number of samples
        n = min(chain.n, int(last.n * SHARE * (until - time.monotonic()) / max(3 * sum(last.later.values()), 1e-6)))
        if n <= WORTH * last.n and not last.n == chain.n == small.n:
            break
        last = _trial(chain, max(n, last.n), None, 2)
        yield last
        if last.n == chain.n:
            break
    generations = int(SHARE * (until - time.monotonic()) / max(sum(last.later.values()), 1e-6))
    if generations > 2:
        yield _trial(chain, last.n, None, min(generations, MOST_GENERATIONS))


def _in_passes(chain: Chain, small: Trial, passes: int, until: float) -> Iterator[Trial]:
    """Yield fits of few passes, with what they make and without measuring it; then generations, for what measuring takes."""
    made = max(small.later["fit"] + small.later["sample"], 1e-6)
    n = min(chain.n, max(small.n, int(small.n * (until - time.monotonic()) / (5 * made))))
    last = _fit_and_sample(chain, n, 1)
    yield last
    if passes > 1:
        left = (until - time.monotonic()) / 2 - last.later["sample"]
        more = int(left / max(last.later["fit"], 1e-6))
        yield _fit_and_sample(chain, n, min(passes, max(more, 2)))
    left = SHARE * (until - time.monotonic())
    n = min(chain.n, int(left / (2 * sum(last.later.values()) / n + 3 * small.later["measure"] / small.n)))
    if n > WORTH * small.n:
        yield _trial(chain, n, 1, 2)


def _fit_and_sample(chain: Chain, n: int, passes: int) -> Trial:
    """Return what a fit to real samples takes, and what it makes: as many sets as a generation does, by the time of one."""
    adapter = _brief(chain, passes)
    order = slice(n) if adapter.splits.in_order else torch.randperm(len(adapter.splits.train))[:n]
    samples, rng = adapter.splits.train.take(order), torch.Generator().manual_seed(0)
    begun = time.perf_counter()
    fit = adapter.fit(samples, chain.objective, None, rng)
    fitted = time.perf_counter()
    adapter.sample(fit.model, samples, chain.sampling, rng)
    seconds = {"fit": fitted - begun, "sample": chain.draws * (time.perf_counter() - fitted)}
    return Trial(n, n, passes, seconds, seconds)


def _smallest(chain: Chain) -> Trial:
    """Return a trial of the fewest samples that the model and the metrics can do with."""
    passes = None if chain.adapter.config.fit_passes(warm=chain.start == "warm") is None else 1
    n = min(chain.n, max(FEWEST, *(metric.least_n for metric in chain.metrics)))
    while n < chain.n:
        try:
            chain.adapter.check(n)
            break
        except UserError:
            n = min(chain.n, 2 * n)
    return _trial(chain, n, passes, 2)


def _trial(chain: Chain, n: int, passes: int | None, generations: int) -> Trial:
    small = replace(chain, adapter=_brief(chain, passes), n=n)
    first, *later = run_chain(small, _Kept(), generations - 1)
    steps = dict.fromkeys(name for record in later for name in record.seconds)
    means = {name: fmean(record.seconds.get(name, 0.0) for record in later) for name in steps}
    return Trial(n, fmean(record.training.size for record in later if record.training), passes, first.seconds, means)


def _brief(chain: Chain, passes: int | None) -> AnyModality:
    """Return the adapter of a chain with fits of so many passes."""
    adapter = chain.adapter
    if passes is not None:
        adapter = copy.copy(adapter)  # its data is not loaded again
        adapter.config = adapter.config.with_fit_passes(passes)
    return adapter


@dataclass
class _Kept:
    """What a small chain made, in memory."""

    records: list[GenerationRecord] = field(default_factory=list)
    made: list[tuple[Samples, object]] = field(default_factory=list)

    def recorded(self) -> list[GenerationRecord]:
        return list(self.records)

    def samples(self, generation: int) -> Samples:
        return self.made[generation][0]

    def model(self, generation: int) -> object:
        return self.made[generation][1]

    def commit(self, record: GenerationRecord, samples: Samples | None, model: object | None) -> None:
        self.records.append(record)
        if samples is not None:
            self.made.append((samples, model))


@contextmanager
def _until(seconds: float) -> Iterator[None]:
    """Raise _Late in the main thread once the time is up."""

    def late(number: int, frame: FrameType | None) -> None:
        raise _Late

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
