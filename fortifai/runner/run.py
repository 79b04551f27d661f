"""Run a suite: plan it, hold its folder, measure its nulls, run what is missing of its chains."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fortifai.errors import RunFailed, UnknownName, UserError
from fortifai.files import is_disk_full
from fortifai.planning.chains import PlannedChain, Selection
from fortifai.planning.plan import Plan, make_plan
from fortifai.planning.suite import Suite
from fortifai.planning.suite_file import json_copy, load_suite
from fortifai.registry import Registry
from fortifai.runner import lock
from fortifai.runner.chain_folder import Keep, announce, note_failure
from fortifai.runner.chain_record import chain_record
from fortifai.runner.local import LocalExecutor
from fortifai.runner.progress import Watcher, watch
from fortifai.runner.run_folder import RunFolder

executors: Registry[type[LocalExecutor]] = Registry("executor")
"""Where chains can run, by the name that ``--executor`` takes."""

executors.register("local", LocalExecutor)


@dataclass(frozen=True)
class RunResult:
    """A run that came to its end: its folder, which `fortifai.score` takes, and how its chains ended."""

    path: Path
    chains: int
    diverged: int


def run(
    suite: str | Path,
    out: str | Path = "runs",
    *,
    seeds: int | None = None,
    generations: int | None = None,
    objectives: Sequence[str] = (),
    strategies: Sequence[str] = (),
    regimes: Sequence[str] = (),
    settings: Sequence[str] = (),
    workers: int = 1,
    executor: str = "local",
    keep: Keep = "last",
    quiet: bool = False,
) -> RunResult:
    """Run a suite by name or by the path of its .toml file, or what is missing of it, into ``out/<suite>@<version>``.

    ``seeds``, ``generations``, ``objectives``, ``strategies`` and ``regimes`` select (None and empty: what the suite says; the
    baseline always runs); ``settings`` are ``"key=value"`` changes, which make it another suite. ``workers``: processes, one
    thread each; the numbers do not depend on them. ``keep``: what stays of the generations on disk.

    Raises UserError for what the caller can put right, RunFailed when chains crashed: what is done stays, the same call goes on.
    """
    if workers < 1:
        raise UserError(f"--workers {workers}: must be at least 1")
    chosen = load_suite(suite, settings)
    selection = Selection(seeds, generations, tuple(objectives), tuple(strategies), tuple(regimes))
    folder = RunFolder.of(out, chosen)
    if executor not in executors:
        raise UnknownName("executor", executor, executors, see="fortifai run --help")
    start_executor = executors.get(executor)
    folder.check_owner(chosen)
    make_plan(chosen, selection, folder).require()  # what cannot be run is said before anything is written
    folder.create()
    try:
        plan, failures = _run(chosen, selection, folder, start_executor, workers, keep, quiet)
    except OSError as error:
        if not is_disk_full(error):
            raise
        raise RunFailed(f"{_full(folder)}; then the same command goes on from there") from None
    if failures:
        raise RunFailed(
            f"{len(plan.chains) - _finished(plan, folder)} of {len(plan.chains)} chains did not finish:\n"
            + "\n".join(f"  {line}" for line in failures)
            + "\nwhat is done is kept; the same command goes on from there"
        )
    diverged = sum(folder.progress(chain.id, chain.horizon).state == "diverged" for chain in plan.chains)
    return RunResult(folder.path, len(plan.chains), diverged)


def _run(
    suite: Suite,
    selection: Selection,
    folder: RunFolder,
    start_executor: type[LocalExecutor],
    workers: int,
    keep: Keep,
    quiet: bool,
) -> tuple[Plan, list[str]]:
    """Run what is missing of a plan in a folder that nobody else is at, and say what failed."""
    with lock.hold(folder.path) as held:
        folder.claim(suite)
        plan = make_plan(suite, selection, folder)  # what is done, now that nobody else changes it
        with start_executor(workers, held, folder.path / "workers.log") as pool:
            _measure_nulls(plan, folder, pool)
            for chain in plan.left():
                announce(folder.chain(chain.id), chain_record(suite, folder, chain))
            return plan, _run_chains(plan, folder, pool, keep, quiet)


def _measure_nulls(plan: Plan, folder: RunFolder, executor: LocalExecutor) -> None:
    suite = plan.suite
    wanted = {chain.regime: (chain.n, chain.data_hash) for chain in plan.left()}
    missing = [
        name
        for name, (n, data_hash) in wanted.items()
        if folder.null(name, suite.regime(name).fidelity_metric, n, data_hash) is None
    ]
    for event in executor.run([{**_task(suite, folder), "null": name} for name in missing]):
        if event.kind == "failed":
            raise RunFailed(f"the null of regime {missing[event.task]!r} was not measured: {event.detail['reason']}")


def _run_chains(plan: Plan, folder: RunFolder, executor: LocalExecutor, keep: Keep, quiet: bool) -> list[str]:
    """Run what is left of a plan, and say what failed, a line each."""
    left = plan.left()
    tasks = [{**_task(plan.suite, folder), "chain": asdict(chain), "keep": keep} for chain in left]
    failures: list[str] = []
    with watch(sum(chain.horizon + 1 - chain.finished for chain in left), quiet=quiet) as watcher:
        for event in executor.run(tasks):
            _tell(watcher, left[event.task], event.kind, event.detail)
            if event.kind != "failed":
                continue
            chain, reason = left[event.task], event.detail["reason"]
            failures.append(f"{_name(chain)}: {reason}")
            if event.detail["disk_full"]:
                failures.append(_full(folder))
                break
            if folder.chain(chain.id).is_dir():
                note_failure(folder.chain(chain.id), reason, event.detail["trace"])
    return failures


def _finished(plan: Plan, folder: RunFolder) -> int:
    states = [folder.progress(chain.id, chain.horizon).state for chain in plan.chains]
    return sum(state in ("done", "diverged") for state in states)


def _tell(watcher: Watcher, chain: PlannedChain, kind: str, detail: dict[str, Any]) -> None:
    if kind == "generation":
        watcher.generation()
        if detail["status"] == "diverged":
            watcher.say(f"{_name(chain)} diverged at generation {detail['generation']}: {detail['reason']}")
    elif kind == "failed":
        watcher.say(f"{_name(chain)} failed: {detail['reason']}")


def _task(suite: Suite, folder: RunFolder) -> dict[str, Any]:
    return {
        "suite": suite.tag,
        "source": suite.source,
        "overrides": json_copy(suite.overrides),
        "folder": str(folder.path.resolve()),
    }


def _full(folder: RunFolder) -> str:
    return f"the disk of {folder.path} is full: nothing is half written; free some space"


def _name(chain: PlannedChain) -> str:
    return f"{chain.regime} {chain.strategy} {chain.objective} seed {chain.seed}"
