"""The recursion of one chain: compose -> fit -> sample -> measure -> record, generation after generation."""

import math
import resource
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from fortifai.config import Sampling
from fortifai.contract.metric import Metric
from fortifai.contract.metric_inputs import MetricInputs, Part
from fortifai.contract.modality import Fit, Modality
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import Diverged
from fortifai.metrics import measure
from fortifai.objectives import Objective
from fortifai.randomness import stream
from fortifai.records.schema import GenerationRecord, TrainingRecord
from fortifai.recursion.real_data import RealStream
from fortifai.recursion.strategies import Recipe, Strategy

PROTOCOL_VERSION = 1
"""Part of every chain id: raised when a change here, in a strategy or in an objective changes the numbers of a chain."""

CONFIDENCE_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of confidence that every generation records."""

CONFIDENCE_BINS = 20
"""Equal bins of [0, 1] that its histogram has; each holds its lower end, and the last one 1 too."""

OWN_NLL = "own_nll"
"""What a generation notes for an objective that goes by it: the model's mean NLL on its own samples, in nats an element."""


class History(Protocol):
    """Where a chain keeps what it made: the run folder, or memory in a test."""

    def recorded(self) -> list[GenerationRecord]:
        """Give the records of all finished generations, in order."""

    def samples(self, generation: int) -> Samples:
        """Give what a finished generation made. Raises KeyError where it was not kept."""

    def model(self, generation: int) -> Any:
        """Give the model of a finished generation: the last one, or the first of a chain that needs it. Raises KeyError."""

    def commit(self, record: GenerationRecord, samples: Samples | None, model: Any) -> None:
        """Keep a generation, all of it or, after a crash in the middle, nothing."""


@dataclass(frozen=True)
class Chain:
    """Everything that decides the numbers of one chain."""

    modality: Modality[Any]
    splits: Splits
    sampling: Sampling
    n: int
    start: Literal["warm", "scratch"]
    metrics: tuple[Metric, ...]
    fidelity_metric: str
    strategy: Strategy
    objective: Objective
    seed: int

    @property
    def needs_first(self) -> bool:
        """Whether a metric reads the model of generation 0 in every generation, so that it has to be kept."""
        return any("first_model" in metric.needs for metric in self.metrics)


@dataclass
class _Clock:
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[step] = round(time.perf_counter() - start, 6)


def run_chain(chain: Chain, history: History, horizon: int, checkpoints: Path | None = None) -> Iterator[GenerationRecord]:
    """Run a chain up to generation ``horizon``, going on after what ``history`` holds, and give each new record.

    Every generation draws from streams named by the seed and its own number, so that a chain that was stopped and resumed,
    at whatever moment, has the numbers of one that was not. Training that diverges ends the chain with a record that says so.
    ``checkpoints``: a folder in which an adapter may keep how far a long fit is; None: nowhere.
    """
    records = history.recorded()
    if records and records[-1].status == "diverged":
        return
    end = horizon if chain.strategy.last_generation is None else min(horizon, chain.strategy.last_generation)
    real = RealStream(chain.splits.train, lambda g: chain.strategy.fresh(chain.n, g), chain.seed)
    recipe = Recipe(chain.n, real.draw, history.samples)
    cache: dict[str, Any] = {}
    for generation in range(len(records), end + 1):
        # From the records alone, so that a chain that was stopped goes on under what it would have gone on under.
        own_nll = [cast(float, record.notes[OWN_NLL]) for record in records] if chain.objective.follows_own_nll else []
        objective = chain.objective.for_generation(own_nll)
        record = _advance(chain, objective, history, recipe, real, generation, cache, checkpoints)
        records.append(record)
        yield record
        if record.status == "diverged":
            return


def _advance(
    chain: Chain,
    objective: Objective,
    history: History,
    recipe: Recipe,
    real: RealStream,
    generation: int,
    cache: dict[str, Any],
    checkpoints: Path | None,
) -> GenerationRecord:
    clock = _Clock()
    modality, seed = chain.modality, chain.seed
    kept = None if checkpoints is None else checkpoints / f"fit-{generation:02d}"
    training = chain.strategy.compose(generation, recipe, stream(seed, "compose", generation))
    synthetic, model, measured = None, None, _Measured()
    try:
        with clock.time("fit"):
            init = history.model(generation - 1) if chain.start == "warm" and generation > 0 else None
            rng = stream(seed, "fit", generation)
            fit = modality.fit_resumably(training, chain.splits.validation, objective, init, rng, kept)
        with clock.time("sample"):
            source = chain.strategy.source(training, recipe)
            made = modality.sample(fit.model, source, chain.sampling, stream(seed, "sample", generation))
        if not made.is_finite():  # said here, because a library's metric may call it bad input
            raise Diverged("the samples are not finite")
        with clock.time("measure"):
            # At most n, whatever the strategy makes: distances between samples depend on how many there are.
            keep = torch.randperm(len(made), generator=stream(seed, "measure", generation))[: chain.n]
            first = partial(history.model, 0) if generation > 0 else lambda: fit.model
            inputs = MetricInputs(chain.splits, made.take(keep), modality, fit.model, cache, first)
            measured = _measure(chain, inputs, fit)
        synthetic, model = made.made_by(generation), fit.model
    except Diverged as reason:
        measured = _Measured(diverged=str(reason))
    record = GenerationRecord(
        generation=generation,
        status="ok" if measured.diverged is None else "diverged",
        reason=measured.diverged,
        metrics=measured.metrics,
        masked_share=measured.masked_share,
        training=TrainingRecord(
            size=len(training),
            real=int(training.is_real().sum()),
            synthetic=int((~training.is_real()).sum()),
            reused=real.reused(generation),
        ),
        notes=dict(measured.notes),
        confidence=measured.confidence,
        seconds=clock.seconds,
        samples_per_second=None if synthetic is None else round(len(synthetic) / max(clock.seconds["sample"], 1e-9), 1),
        peak_memory_bytes=peak_memory(),
    )
    history.commit(record, synthetic, model)
    if kept is not None:
        shutil.rmtree(kept, ignore_errors=True)
    return record


@dataclass(frozen=True)
class _Measured:
    metrics: dict[str, float | None] = field(default_factory=dict)
    confidence: dict[str, dict[str, Any]] = field(default_factory=dict)
    masked_share: float | None = None
    notes: Mapping[str, float] = field(default_factory=dict)
    diverged: str | None = None


def _measure(chain: Chain, inputs: MetricInputs, fit: Fit[Any]) -> _Measured:
    metrics: dict[str, float | None] = {metric.name: measure(metric, inputs) for metric in chain.metrics}
    value = metrics[chain.fidelity_metric]
    if value is None or not math.isfinite(value):
        raise Diverged(f"{chain.fidelity_metric} is {value}")
    parts: tuple[Part, ...] = ("synthetic", "real")
    confidence: dict[str, dict[str, Any]] = {part: _summary(inputs.confidence(part)) for part in parts}
    notes = dict(fit.notes)
    if chain.objective.follows_own_nll:
        notes[OWN_NLL] = float(inputs.nll("synthetic").double().mean())
        if not math.isfinite(notes[OWN_NLL]):
            raise Diverged(f"the model's negative log-likelihood of its own samples is {notes[OWN_NLL]}")
    return _Measured(metrics, confidence, fit.masked_share, notes)


def _summary(confidence: Tensor) -> dict[str, Any]:
    values = confidence.double().reshape(-1).numpy()
    levels = np.quantile(values, CONFIDENCE_LEVELS)
    quantiles = {f"q{round(100 * q):02d}": float(v) for q, v in zip(CONFIDENCE_LEVELS, levels, strict=True)}
    shares = np.histogram(values, CONFIDENCE_BINS, range=(0, 1))[0] / values.size
    return {"mean": float(values.mean()), **quantiles, "histogram": shares.tolist()}


def peak_memory() -> int:
    """Largest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
