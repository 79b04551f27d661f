"""The recursion of one chain: compose -> fit -> sample -> measure -> record, generation after generation."""

import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from fortifai.contract import checks
from fortifai.contract.metric_inputs import MetricInputs
from fortifai.contract.modality import Fit, Modality
from fortifai.contract.samples import Samples
from fortifai.errors import Diverged
from fortifai.objectives import Objective
from fortifai.randomness import stream
from fortifai.records.schema import GenerationRecord, TrainingRecord
from fortifai.recursion.chain import Chain, History
from fortifai.recursion.measurement import Measurement, measure_generation, memory_of
from fortifai.recursion.real_data import RealStream
from fortifai.recursion.strategies import Supply

ModelT = TypeVar("ModelT")


def run_chain(
    chain: Chain[ModelT], history: History[ModelT], horizon: int, checkpoints: Path | None = None
) -> Iterator[GenerationRecord]:
    """Advance a chain up to a generation, resuming after what its history holds, and yield each new record.

    Every generation draws from streams named by the seed and its own number, so that a chain that was stopped and resumed,
    at whatever moment, has the numbers of one that was not. Training that diverges ends the chain with a record that says so.

    Args:
        chain: What to run.
        history: Where it keeps what it makes, and finds what was made before.
        horizon: The last generation, where the strategy has no earlier end.
        checkpoints: A folder in which an adapter may keep how far a long fit is; None: nowhere.
    """
    records = history.recorded()
    if records and records[-1].status == "diverged":
        return
    run = _Run(chain, history, checkpoints)
    for generation in range(len(records), chain.strategy.horizon(horizon) + 1):
        # From the records alone, so that a chain that was stopped resumes with the objective it would have used.
        record = run.advance(generation, chain.objective.for_generation([memory_of(record) for record in records]))
        records.append(record)
        yield record
        if record.status == "diverged":
            return


@dataclass
class _Clock:
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[step] = round(time.perf_counter() - start, 6)


class _Run(Generic[ModelT]):
    """One chain on its way: its real data, and what is computed once for all of its generations."""

    def __init__(self, chain: Chain[ModelT], history: History[ModelT], checkpoints: Path | None) -> None:
        self._chain = chain
        self._history = history
        self._checkpoints = checkpoints
        splits = chain.adapter.splits
        self._real = RealStream(splits.train, lambda g: chain.strategy.fresh(chain.n, g), chain.seed, in_order=splits.in_order)
        # How many sets of samples a generation makes, which the next fit goes through one after the other: `Modality.draws`.
        self._draws = chain.adapter.draws if chain.strategy.recursive else 1
        self._cache: dict[str, Any] = {}

    def advance(self, generation: int, objective: Objective) -> GenerationRecord:
        """Run one generation and keep it."""
        chain, clock = self._chain, _Clock()
        sets = self._compose(generation)
        training = sets[0] if len(sets) == 1 else Samples.concat(sets)
        checkpoints = None if self._checkpoints is None else self._checkpoints / f"fit-{generation:02d}"
        synthetic, model = None, None
        try:
            with clock.time("fit"):
                fit = self._fit(generation, training, objective, checkpoints)
            with clock.time("sample"):
                drawn = self._sample(generation, sets[0], fit.model)
            with clock.time("measure"):
                measured = measure_generation(chain, generation, self._inputs(generation, drawn, fit), fit)
            synthetic, model = drawn, fit.model
        except Diverged as reason:
            measured = Measurement(diverged=str(reason))
        record = self._record(generation, sets[0], synthetic, measured, clock.seconds)
        self._history.commit(record, synthetic, model)
        if generation == 0 and model is not None:
            checks.check_reloaded(chain.adapter, model, self._history.model(0))
        if checkpoints is not None:
            shutil.rmtree(checkpoints, ignore_errors=True)
        return record

    def _compose(self, generation: int) -> list[Samples]:
        """Return the sets that a fit goes through, which differ in their synthetic samples only: one where there are none."""
        chain, rng = self._chain, stream(self._chain.seed, "compose", generation)
        made = cache(self._history.samples)  # read from disk once for all sets
        sets: list[Samples] = []
        for number in range(self._draws):
            supply = Supply(chain.n, self._real.draw, partial(self._one_draw, made, number))
            sets.append(chain.strategy.compose(generation, supply, rng))
            if bool(sets[0].is_real().all()):
                break
        return sets

    def _one_draw(self, made: Callable[[int], Samples], number: int, generation: int) -> Samples:
        """Return one of the sets that a generation made, as views."""
        samples = made(generation)
        size = len(samples) // self._draws
        return samples.take(slice(number * size, (number + 1) * size))

    def _fit(self, generation: int, training: Samples, objective: Objective, checkpoints: Path | None) -> Fit[ModelT]:
        warm = self._chain.start == "warm" and generation > 0
        init = self._history.model(generation - 1) if warm else None
        adapter = self._chain.adapter
        with checks.unchanged(adapter, "fit", training):
            fit = adapter.fit(training, objective, init, stream(self._chain.seed, "fit", generation), checkpoints)
        checks.check_fit(adapter, fit)
        return fit

    def _sample(self, generation: int, training: Samples, model: ModelT) -> Samples:
        chain = self._chain
        source = chain.strategy.source(training, Supply(chain.n, self._real.draw, self._history.samples))
        sets: list[Samples] = []
        for number in range(self._draws):
            rng = stream(chain.seed, "sample", generation, *([number] if number else []))
            with checks.unchanged(chain.adapter, "sample", source):
                data = chain.adapter.sample(model, source, chain.sampling, rng)
            checks.check_samples(chain.adapter, data, source)
            sets.append(Samples.synthetic(data, generation))
        samples = sets[0] if len(sets) == 1 else Samples.concat(sets)
        if not samples.is_finite():  # found out here, because a library's metric may call it bad input
            raise Diverged("the samples are not finite")
        return samples

    def _inputs(
        self, generation: int, samples: Samples, fit: Fit[ModelT]
    ) -> MetricInputs[Modality[Any, Any, Any, ModelT], ModelT]:
        chain = self._chain
        # At most n, whatever the strategy makes: distances between samples depend on how many there are.
        measured = torch.randperm(len(samples), generator=stream(chain.seed, "measure", generation))[: chain.n]
        first = partial(self._history.model, 0) if generation > 0 else lambda: fit.model
        return MetricInputs(chain.adapter, samples.take(measured), fit.model, self._cache, first)

    def _record(
        self, generation: int, training: Samples, synthetic: Samples | None, measured: Measurement, seconds: dict[str, float]
    ) -> GenerationRecord:
        real = int(training.is_real().sum())
        return GenerationRecord(
            generation=generation,
            status="ok" if measured.diverged is None else "diverged",
            reason=measured.diverged,
            metrics=measured.metrics,
            masked_share=measured.masked_share,
            training=TrainingRecord(
                size=len(training), real=real, synthetic=len(training) - real, reused=self._real.reused(generation)
            ),
            notes=dict(measured.notes),
            confidence=measured.confidence,
            seconds=seconds,
            samples_per_second=None if synthetic is None else round(len(synthetic) / max(seconds["sample"], 1e-9), 1),
            peak_memory_bytes=peak_memory(),
        )


def peak_memory() -> int:
    """Return the largest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
