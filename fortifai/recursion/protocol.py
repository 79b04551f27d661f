"""The recursion of one chain: compose -> fit -> sample -> measure -> record, generation after generation."""

import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
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
from fortifai.recursion.generation_0 import Made, Shared
from fortifai.recursion.measurement import Measurement, measure_generation, memory_of, notes_for_objective
from fortifai.recursion.models import Models
from fortifai.recursion.real_data import RealStream
from fortifai.recursion.strategies import Supply

ModelT = TypeVar("ModelT")


def run_chain(
    chain: Chain[ModelT],
    history: History[ModelT],
    horizon: int,
    checkpoints: Path | None = None,
    shared: Shared[ModelT] | None = None,
) -> Iterator[GenerationRecord]:
    """Advance a chain up to a generation, resuming after what its history holds, and yield each new record.

    Every generation draws from streams named by the seed and its own number, so that a chain that was stopped and resumed,
    at whatever moment, has the numbers of one that was not. Training that diverges ends the chain with a record that says so.

    Args:
        chain: What to run.
        history: Where it keeps what it makes, and finds what was made before.
        horizon: The last generation, where the strategy has no earlier end.
        checkpoints: A folder in which an adapter may keep how far a long fit is; None: nowhere.
        shared: Where chains that fit the same generation 0 keep it, to the same numbers; None: this one fits its own.
    """
    records = history.recorded()
    if records and records[-1].status == "diverged":
        return
    run = _Run(chain, history, checkpoints, shared)
    past = [memory_of(record) for record in records]
    for generation in range(len(records), chain.strategy.horizon(horizon) + 1):
        # From the records alone, so that a chain that was stopped resumes with the objective it would have used.
        record = run.advance(generation, chain.objective.for_generation(past))
        past.append(memory_of(record))
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
        self.seconds[step] = round(self.seconds.get(step, 0.0) + time.perf_counter() - start, 6)


@dataclass(frozen=True)
class _Work:
    """What a generation is made of.

    Attributes:
        generation: Its number.
        sets: The sets that a fit goes through, of which the last generation's samples differ.
        source: What its model regenerates.
        objective: The loss.
        checkpoints: Where the adapter may keep how far the fit is.
        models: What its strategy may ask; None of generation 0.
        clock: What its steps took so far: composing, where the strategy asked models.
    """

    generation: int
    sets: list[Samples]
    source: Samples
    objective: Objective
    checkpoints: Path | None
    models: Models[Any] | None
    clock: _Clock

    @property
    def training(self) -> Samples:
        """The sets, one behind the other."""
        return self.sets[0] if len(self.sets) == 1 else Samples.concat(self.sets)


class _Run(Generic[ModelT]):
    """One chain on its way: its real data, and what is computed once for all of its generations."""

    def __init__(
        self, chain: Chain[ModelT], history: History[ModelT], checkpoints: Path | None, shared: Shared[ModelT] | None
    ) -> None:
        self._chain = chain
        self._history = history
        self._checkpoints = checkpoints
        self._shared = shared
        splits = chain.adapter.splits
        self._real = RealStream(splits.train, lambda g: chain.strategy.fresh(chain.n, g), chain.seed, in_order=splits.in_order)
        # How many sets of samples a generation makes, which the next fit goes through one after the other: `Modality.draws`.
        self._draws = chain.draws
        self._cache: dict[str, Any] = {}

    def advance(self, generation: int, objective: Objective) -> GenerationRecord:
        """Run one generation and keep it."""
        chain = self._chain
        models = self._models(generation)
        clock = _Clock()
        with clock.time("compose"):
            sets = self._compose(generation, models)
        if models is None or not models.scored:
            clock = _Clock()
        source = chain.strategy.source(sets[0], Supply(chain.n, self._real.draw, self._history.samples))
        checkpoints = None if self._checkpoints is None else self._checkpoints / f"fit-{generation:02d}"
        work = _Work(generation, sets, source, objective, checkpoints, models, clock)
        shared = self._shared if generation == 0 else None
        made = self._noted(self._make(work) if shared is None else self._take(work, shared), work)
        self._history.commit(made.record, made.samples, made.model)
        if generation == 0 and made.model is not None and made.record.shared is None:
            checks.check_reloaded(chain.adapter, made.model, self._history.model(0))
        if checkpoints is not None:
            shutil.rmtree(checkpoints, ignore_errors=True)
        return made.record

    def _take(self, work: _Work, shared: Shared[ModelT]) -> Made[ModelT]:
        """Return the generation 0 that is shared; where there is none yet, it is made and kept for the others."""
        clock = _Clock()
        with clock.time("take"):
            taken = shared.find(work.sets[0], work.source)
        if taken is None:
            made = self._make(work)
            shared.keep(made, work.sets[0], work.source)
            with clock.time("take"):
                taken = shared.find(work.sets[0], work.source)
            if taken is None:  # another one has its place
                return made
        record = taken.record.model_copy(update={"seconds": clock.seconds, "peak_memory_bytes": peak_memory()})
        inputs = None if taken.samples is None or taken.model is None else self._inputs(0, taken.samples, taken.model)
        return replace(taken, record=record, inputs=inputs)

    def _make(self, work: _Work) -> Made[ModelT]:
        """Fit, sample and measure a generation."""
        clock = work.clock
        try:
            with clock.time("fit"):
                fit = self._fit(work)
            with clock.time("sample"):
                samples = self._sample(work, fit.model)
            with clock.time("measure"):
                inputs = self._inputs(work.generation, samples, fit.model)
                measured = measure_generation(self._chain, work.generation, inputs, fit)
        except Diverged as reason:
            return Made(self._record(work, None, Measurement(diverged=str(reason)), clock.seconds))
        return Made(self._record(work, samples, measured, clock.seconds), samples, fit.model, inputs)

    def _noted(self, made: Made[ModelT], work: _Work) -> Made[ModelT]:
        """Return a generation with what the chain's objective wants to know of it later on."""
        if made.inputs is None:
            return made
        record, clock = made.record, _Clock(dict(made.record.seconds))
        try:
            with clock.time("measure"):
                notes = notes_for_objective(self._chain, work.generation, made.inputs)
        except Diverged as reason:
            return Made(self._record(work, None, Measurement(diverged=str(reason)), clock.seconds))
        if not notes:
            return made
        return replace(made, record=record.model_copy(update={"notes": {**record.notes, **notes}, "seconds": clock.seconds}))

    def _models(self, generation: int) -> Models[ModelT] | None:
        """Return what a strategy may ask in a generation; nothing is read until it does."""
        if generation == 0:
            return None
        first, last = (cache(partial(self._history.model, of)) for of in (0, generation - 1))
        return Models(self._chain.adapter, last, first)

    def _compose(self, generation: int, models: Models[ModelT] | None) -> list[Samples]:
        """Return the sets that a fit goes through, which differ in their synthetic samples only: one where there are none."""
        chain, rng = self._chain, stream(self._chain.seed, "compose", generation)
        made = cache(self._history.samples)  # read from disk once for all sets
        sets: list[Samples] = []
        for number in range(self._draws):
            supply = Supply(chain.n, self._real.draw, partial(self._one_draw, made, number), models)
            sets.append(chain.strategy.compose(generation, supply, rng))
            if bool(sets[0].is_real().all()):
                break
        return sets

    def _one_draw(self, made: Callable[[int], Samples], number: int, generation: int) -> Samples:
        """Return one of the sets that a generation made, as views."""
        samples = made(generation)
        size = len(samples) // self._draws
        return samples.take(slice(number * size, (number + 1) * size))

    def _fit(self, work: _Work) -> Fit[ModelT]:
        warm = self._chain.start == "warm" and work.generation > 0
        init = self._history.model(work.generation - 1) if warm else None
        adapter, training, rng = self._chain.adapter, work.training, stream(self._chain.seed, "fit", work.generation)
        if (factor := work.objective.weigh(training.data, training.weights())) is not None:
            training = training.weighted(training.weights() * factor)
        with checks.unchanged(adapter, "fit", training):
            fit = adapter.fit(training, work.objective, init, rng, work.checkpoints)
        checks.check_fit(adapter, fit)
        if work.models is None:
            return fit
        return replace(fit, model=self._chain.strategy.after_fit(fit.model, work.models))

    def _sample(self, work: _Work, model: ModelT) -> Samples:
        chain, source = self._chain, work.source
        if work.models is not None:
            model = chain.strategy.to_sample(model, work.models)
        sets: list[Samples] = []
        for number in range(self._draws):
            rng = stream(chain.seed, "sample", work.generation, *([number] if number else []))
            with checks.unchanged(chain.adapter, "sample", source):
                data = chain.adapter.sample(model, source, chain.sampling, rng)
            checks.check_samples(chain.adapter, data, source)
            sets.append(Samples.synthetic(data, work.generation))
        samples = sets[0] if len(sets) == 1 else Samples.concat(sets)
        if not samples.is_finite():  # found out here, because a library's metric may call it bad input
            raise Diverged("the samples are not finite")
        return samples

    def _inputs(self, generation: int, samples: Samples, model: ModelT) -> MetricInputs[Modality[Any, Any, Any, ModelT], ModelT]:
        chain = self._chain
        # At most n, whatever the strategy makes: distances between samples depend on how many there are.
        measured = torch.randperm(len(samples), generator=stream(chain.seed, "measure", generation))[: chain.n]
        first = partial(self._history.model, 0) if generation > 0 else lambda: model
        return MetricInputs(chain.adapter, samples.take(measured), model, self._cache, first)

    def _record(
        self, work: _Work, synthetic: Samples | None, measured: Measurement, seconds: dict[str, float]
    ) -> GenerationRecord:
        training = work.sets[0]
        real = int(training.is_real().sum())
        return GenerationRecord(
            generation=work.generation,
            status="ok" if measured.diverged is None else "diverged",
            reason=measured.diverged,
            metrics=measured.metrics,
            masked_share=measured.masked_share,
            training=TrainingRecord(
                size=len(training), real=real, synthetic=len(training) - real, reused=self._real.reused(work.generation)
            ),
            notes={**measured.notes, **_beside_fits(work, synthetic)},
            confidence=measured.confidence,
            seconds=seconds,
            samples_per_second=None if synthetic is None else round(len(synthetic) / max(seconds["sample"], 1e-9), 1),
            peak_memory_bytes=peak_memory(),
        )


def _beside_fits(work: _Work, synthetic: Samples | None) -> dict[str, float]:
    """Return what a strategy had made and scored beside the training set's size: what it costs apart from its fits."""
    costs: dict[str, float] = {}
    if work.models is not None and work.models.scored:
        costs["scored_samples"] = float(work.models.scored)
    if synthetic is not None and len(synthetic) > len(work.training):
        costs["made_samples"] = float(len(synthetic))
    return costs


def peak_memory() -> int:
    """Return the largest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
