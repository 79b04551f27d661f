"""A worker process: performs the tasks that it reads from its standard input, one JSON line each, and answers with events.

A process of its own for every worker, with one torch thread: that is more than twice as fast as two threads in one process,
and makes the numbers independent of how many workers there are. Lines of JSON, so that nothing is pickled and the user's
script is not imported a second time.
"""

import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO

import torch

from fortifai import needs
from fortifai.errors import BrokenAdapter, Damaged, RunFailed, UserError
from fortifai.files import is_disk_full
from fortifai.objectives import resolve as resolve_objective
from fortifai.planning.chains import PlannedChain
from fortifai.planning.identity import generation_0_identity
from fortifai.planning.loading import Adapters, needs_of
from fortifai.planning.suite import Suite
from fortifai.planning.suite_file import build_suite
from fortifai.recursion import strategies
from fortifai.recursion.chain import Chain
from fortifai.recursion.null import measure_nulls
from fortifai.recursion.protocol import run_chain
from fortifai.runner.chain_folder import ChainFolder
from fortifai.runner.chain_record import chain_record
from fortifai.runner.generation_0 import SharedGeneration
from fortifai.runner.messages import (
    Event,
    GenerationFinished,
    MeasureNull,
    Remark,
    RunChain,
    Task,
    TaskDone,
    TaskFailed,
    TaskStarted,
    read_task,
)
from fortifai.runner.run_folder import RunFolder

Emit = Callable[[Event], None]


def main() -> None:
    """Serve tasks until the standard input closes, which is also how the end of the parent is noticed."""
    torch.set_num_threads(1)
    events = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints goes to the log, not between the events
    tasks: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read_tasks, args=(sys.stdin, tasks), daemon=True).start()
    adapters = Adapters()

    def emit(event: Event) -> None:
        print(event.model_dump_json(), file=events, flush=True)

    while True:
        emit(perform(read_task(tasks.get()), adapters, emit))


def _read_tasks(lines: IO[str], tasks: "queue.Queue[str]") -> None:
    for line in lines:
        tasks.put(line)
    os._exit(0)  # the parent is gone or has nothing more to do: a half-run generation is run again


def perform(task: Task, adapters: Adapters, emit: Emit) -> Event:
    """Perform one task, and return how it ended.

    Args:
        task: What to do.
        adapters: Those that this process has loaded so far.
        emit: Called with every event on the way.
    """
    emit(TaskStarted())
    try:
        folder = RunFolder(Path(task.folder))
        folder.run_code(task.code)
        suite = build_suite(task.source, task.overrides, where=task.suite)
        folder.require_held(suite)
        if isinstance(task, MeasureNull):
            _measure_null(suite, folder, task.regime, adapters)
        else:
            _run_chain(suite, folder, task, adapters, emit)
    except Exception as error:
        return _failure(error)
    return TaskDone()


def _measure_null(suite: Suite, folder: RunFolder, name: str, adapters: Adapters) -> None:
    regime = suite.regime(name)
    adapter = adapters.bind(regime)
    metric = regime.metric(regime.fidelity_metric)
    n = regime.size(len(adapter.splits.train))
    values = measure_nulls(adapter, metric, n)
    folder.keep_null(name, metric.name, n, adapter.splits.data_hash(), values, metric.chance)


def _run_chain(suite: Suite, folder: RunFolder, task: RunChain, adapters: Adapters, emit: Emit) -> None:
    planned = task.chain
    chain = chain_of(suite, planned, adapters)
    path = folder.chain_of(planned)

    def remark(text: str) -> None:
        emit(Remark(text=text))

    history = ChainFolder(path, chain, task.keep, remark)
    record = chain_record(suite, folder, planned)
    history.open(record)
    regime = suite.regime(planned.regime)
    identity = generation_0_identity(regime, planned.strategy, planned.objective, planned.seed, record.data_hash, chain.draws)
    shared = SharedGeneration(folder.path, identity, chain.adapter, remark)
    if history.recorded():
        shared.mend()  # not needed any more by this chain, and perhaps by others
    begun = time.perf_counter()
    for generation in run_chain(chain, history, planned.horizon, checkpoints=path, shared=shared):
        begun, seconds = time.perf_counter(), time.perf_counter() - begun
        number, status, reason = generation.generation, generation.status, generation.reason
        emit(GenerationFinished(generation=number, status=status, reason=reason, seconds=seconds))
    history.close()


def chain_of(suite: Suite, planned: PlannedChain, adapters: Adapters) -> Chain:
    """Return the runnable chain that a plan lists.

    Args:
        suite: The suite that was planned.
        planned: The chain.
        adapters: Those that this process has loaded so far.

    Raises:
        UserError: The data is not what it was when the chain was planned, or this machine lacks something.
    """
    regime = suite.regime(planned.regime)
    needs.require(needs_of(regime), f"regime {regime.name}")
    adapter = adapters.bind(regime)
    if adapter.splits.data_hash() != planned.data_hash:
        raise UserError(f"the data of regime {regime.name!r} has changed since the run was started; run it again")
    strategy = strategies.resolve(planned.strategy)
    return Chain(
        adapter=strategy.adapter_for(adapter),
        sampling=regime.sampling,
        n=planned.n,
        start=regime.start,
        metrics=tuple(regime.metric(name) for name in regime.metrics),
        fidelity_metric=regime.fidelity_metric,
        measure_every=regime.measure_every,
        strategy=strategy,
        objective=resolve_objective(planned.objective),
        seed=planned.seed,
    )


def _failure(error: Exception) -> TaskFailed:
    """Return the event that tells the parent of a crash."""
    told = isinstance(error, UserError | RunFailed | BrokenAdapter | Damaged)
    reason = str(error) if told else f"{type(error).__name__}: {error}"
    if _out_of_memory(error):
        reason = f"out of memory: {error}"
    traceback.print_exc()  # into workers.log
    hopeless = isinstance(error, BrokenAdapter)
    return TaskFailed(reason=reason, trace=traceback.format_exc(), disk_full=is_disk_full(error), hopeless=hopeless)


def _out_of_memory(error: Exception) -> bool:
    # On a CPU, torch raises a plain RuntimeError of its allocator.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator: can't allocate memory" in str(error)
