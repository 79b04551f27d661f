"""A worker process: runs the tasks that it reads from its standard input, one JSON line each, and answers with events.

A process of its own for every worker, with one torch thread: that is more than twice as fast as two threads in one process,
and makes the numbers independent of how many workers there are. Lines of JSON, so that nothing is pickled and the user's
script is not imported a second time.
"""

import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch

from fortifai import needs
from fortifai.errors import UserError
from fortifai.files import is_disk_full
from fortifai.objectives import resolve as resolve_objective
from fortifai.planning.chains import PlannedChain
from fortifai.planning.loading import load_regime, needs_of
from fortifai.planning.suite import Suite
from fortifai.planning.suite_file import build_suite
from fortifai.recursion import strategies
from fortifai.recursion.null import measure_nulls
from fortifai.recursion.protocol import Chain, run_chain
from fortifai.runner.chain_folder import ChainFolder
from fortifai.runner.chain_record import chain_record
from fortifai.runner.run_folder import RunFolder

Emit = Callable[[dict[str, Any]], None]


def main() -> None:
    """Serve tasks until the standard input closes, which is also how the end of the parent is noticed."""
    torch.set_num_threads(1)
    events = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints goes to the log, not between the events
    tasks: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read_tasks, args=(sys.stdin, tasks), daemon=True).start()

    def emit(event: dict[str, Any]) -> None:
        print(json.dumps(event), file=events, flush=True)

    while True:
        task = json.loads(tasks.get())
        try:
            _work(task, emit)
            emit({"event": "done"})
        except Exception as error:
            emit(_failure(error))


def _read_tasks(lines: IO[str], tasks: "queue.Queue[str]") -> None:
    for line in lines:
        tasks.put(line)
    os._exit(0)  # the parent is gone or has nothing more to do: a half-run generation is run again


def _work(task: dict[str, Any], emit: Emit) -> None:
    suite = build_suite(task["source"], task["overrides"], where=task["suite"])
    folder = RunFolder(Path(task["folder"]))
    if "null" in task:
        _measure_null(suite, folder, task["null"])
    else:
        _run_chain(suite, folder, PlannedChain(**task["chain"]), task["keep"], emit)


def _measure_null(suite: Suite, folder: RunFolder, name: str) -> None:
    regime = suite.regime(name)
    modality, splits = load_regime(regime)
    metric = regime.metric(regime.fidelity_metric)
    n = regime.size(len(splits.train))
    values = measure_nulls(modality, splits, metric, n)
    folder.keep_null(name, metric.name, n, splits.data_hash(), values, metric.chance)


def _run_chain(suite: Suite, folder: RunFolder, planned: PlannedChain, keep: Any, emit: Emit) -> None:
    chain = chain_of(suite, planned)
    history = ChainFolder(folder.chain(planned.id), chain, keep)
    history.open(chain_record(suite, folder, planned))
    for record in run_chain(chain, history, planned.horizon, checkpoints=history.path):
        emit({"event": "generation", "generation": record.generation, "status": record.status, "reason": record.reason})
    history.close()


def _failure(error: Exception) -> dict[str, Any]:
    """Give the event that tells the parent of a crash."""
    reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    if _out_of_memory(error):
        reason = f"out of memory: {error}"
    return {"event": "failed", "reason": reason, "trace": traceback.format_exc(), "disk_full": is_disk_full(error)}


def _out_of_memory(error: Exception) -> bool:
    # On a CPU, torch says it with a plain RuntimeError of its allocator.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator: can't allocate memory" in str(error)


def chain_of(suite: Suite, planned: PlannedChain) -> Chain:
    """Give the runnable chain that a plan lists.

    Raises UserError when its data is not what it was when it was planned, and when this machine lacks what it needs.
    """
    regime = suite.regime(planned.regime)
    needs.require(needs_of(regime), f"regime {regime.name}")
    modality, splits = load_regime(regime)
    if splits.data_hash() != planned.data_hash:
        raise UserError(f"the data of regime {regime.name!r} has changed since the run was started; run it again")
    return Chain(
        modality=modality,
        splits=splits,
        sampling=regime.sampling,
        n=planned.n,
        start=regime.start,
        metrics=tuple(regime.metric(name) for name in regime.metrics),
        fidelity_metric=regime.fidelity_metric,
        strategy=strategies.resolve(planned.strategy),
        objective=resolve_objective(planned.objective),
        seed=planned.seed,
    )
