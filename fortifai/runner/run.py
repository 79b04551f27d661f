"""Run a suite: plan it, hold its folder, measure its nulls, run what is missing of its chains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fortifai.errors import RunFailed
from fortifai.files import is_disk_full
from fortifai.limits import MOST_CHAINS, MOST_WORKERS, require_count
from fortifai.planning.chains import ChainStatus, PlannedChain, Selection
from fortifai.planning.plan import Plan, make_plan
from fortifai.planning.suite_file import json_copy, load_suite
from fortifai.runner import lock
from fortifai.runner.chain_folder import announce, mend_null, note_failure
from fortifai.runner.chain_record import chain_record
from fortifai.runner.cluster.jobs import end_left_over
from fortifai.runner.estimates import expected_speeds
from fortifai.runner.executor import Chosen, Executor, Resources, choose
from fortifai.runner.forecast import forecast
from fortifai.runner.messages import (
    Event,
    GenerationFinished,
    Keep,
    MeasureNull,
    Remark,
    RunChain,
    TaskDone,
    TaskFailed,
    TaskStarted,
    as_keep,
)
from fortifai.runner.pictures import can_be_drawn
from fortifai.runner.progress import Watcher, watch
from fortifai.runner.run_folder import RunFolder
from fortifai.sanitise import EXPLORE


@dataclass(frozen=True)
class RunResult:
    """A run that came to its end: its folder, which `fortifai.score` takes, and how its chains ended.

    ``chains`` are done, ``diverged`` of them by divergence; ``left`` are not, since a limit was set.
    """

    path: Path
    chains: int
    diverged: int
    left: int = 0


@dataclass(frozen=True)
class _How:
    """How chains are run, none of which decides a number; see `run`."""

    executor: Chosen
    workers: int | None
    keep: Keep
    quiet: bool
    debug: bool
    limit: int | None = None


def run(
    suite: str | Path,
    out: str | Path = "runs",
    *,
    name: str | None = None,
    seeds: int | None = None,
    explore: bool = False,
    generations: int | None = None,
    objectives: Sequence[str] = (),
    strategies: Sequence[str] = (),
    regimes: Sequence[str] = (),
    settings: Sequence[str] = (),
    workers: int | None = None,
    executor: str = "local",
    executor_options: Mapping[str, object] | None = None,
    limit: int | None = None,
    keep: Keep = "last",
    quiet: bool = False,
    debug: bool = False,
) -> RunResult:
    """Run a suite, or what is missing of it, into ``out/<suite>@<version>``.

    Args:
        suite: A suite's name, or the path of a .toml file.
        out: The folder that runs are kept in.
        name: What the run's folder is called; None: ``<suite>@<version>``. It changes nothing that is measured.
        seeds: Chains for each strategy and objective; None: as many as the suite says.
        explore: By the seeds that settings are chosen on, in a run folder of their own, ``<suite>@<version>+explore``.
        generations: The last generation; None: the suite's.
        objectives: Only these, and the baseline; empty: the suite's.
        strategies: Only these; empty: the suite's.
        regimes: Only these; empty: all.
        settings: ``"key=value"`` changes, which make it another suite.
        workers: Processes, of one thread each; the numbers do not depend on them. None: one, or where the executor runs chains on
            other machines, as many as there is room for.
        executor: Where chains run, a name with options or without: ``"ray:gpus_per_chain=0.25"``.
        executor_options: More of the executor's options, by name.
        limit: How many chains of what is missing are run at most; None: all.
        keep: What stays of the generations on disk: all, last, samples or none.
        quiet: Whether to show only what failed.
        debug: Whether to show the traceback of a chain that failed, too.

    Raises:
        UserError: Something that the caller can put right.
        RunFailed: Chains crashed: what is done stays, and the same call resumes.
    """
    if workers is not None:
        require_count("workers", workers, MOST_WORKERS)
    if limit is not None:
        require_count("limit", limit, MOST_CHAINS)
    keep = as_keep(keep)
    chosen = load_suite(suite, [*settings, *([f"{EXPLORE}=true"] if explore else [])])
    selection = Selection.of_user(seeds, generations, objectives, strategies, regimes)
    chosen_executor = choose(executor, executor_options)
    chosen_executor.kind.require()
    folder = RunFolder.of(out, chosen, name)
    folder.check_owner(chosen)
    plan = make_plan(chosen, selection)
    if plan.remaining(folder) and not chosen_executor.kind.elsewhere:
        plan.require_needs()  # what cannot be run is refused before anything is written
    folder.check_code(plan.code_files())
    folder.create()
    try:
        failures, left = _run(plan, folder, _How(chosen_executor, workers, keep, quiet, debug, limit))
    except OSError as error:
        if not is_disk_full(error):
            raise
        raise RunFailed(f"{_full(folder)}; then the same command resumes it") from None
    if failures:
        tried = len(plan.chains) - left
        raise RunFailed(
            f"{len(plan.remaining(folder)) - left} of {tried} chains did not finish:\n"
            + "\n".join(f"  {line}" for line in failures)
            + "\nwhat is done is kept; the same command resumes it"
        )
    diverged = sum(status.state == "diverged" for status in plan.statuses(folder))
    return RunResult(folder.path, len(plan.chains) - left, diverged, left)


def _run(plan: Plan, folder: RunFolder, how: _How) -> tuple[list[str], int]:
    """Run what is missing of a plan in a folder that nobody else is at.

    Returns:
        What failed, a line each, and how many chains the limit leaves to be run.
    """
    with lock.hold(folder.path) as held:
        end_left_over(folder.path)
        folder.claim(plan.suite)
        folder.sweep()
        folder.keep_code(plan.code_files())
        folder.expect(plan.chains)
        resources = Resources(how.workers, held, folder.path / "workers.log")
        with how.executor.make(resources) as pool:
            statuses = plan.statuses(folder)  # what is left, now that nobody else changes it
            missing = [status for status in statuses if not status.is_over]
            remaining = missing[: how.limit]
            chains = [status.chain for status in (*remaining, *(each for each in statuses if _lacks_picture(folder, each)))]
            speeds = expected_speeds(plan, folder, {status.chain.regime for status in remaining})
            _measure_nulls(plan, folder, pool)
            for status in statuses:
                record = chain_record(plan.suite, folder, status.chain)
                (mend_null if status.is_over else announce)(folder.chain_of(status.chain), record)
            generations = sum(status.chain.horizon + 1 - status.finished for status in remaining)
            with watch(generations, forecast(plan, remaining, speeds, pool.at_once), quiet=how.quiet) as watcher:
                if remaining and pool.where and not how.quiet:
                    watcher.say(pool.where)
                failures, left = _run_chains(plan, chains, folder, pool, how, watcher)
                while left:
                    pool.stop()  # whatever of the regime that was given up still runs
                    with how.executor.make(resources) as another:
                        more, left = _run_chains(plan, left, folder, another, how, watcher)
                    failures += more
        if how.keep == "none":
            needed = {plan.generation_0(status.chain) for status in plan.remaining(folder)}
            folder.let_go_of_generations_0({plan.generation_0(chain) for chain in plan.chains} - needed)
        return failures, len(missing) - len(remaining)


def run_plan(plan: Plan, out: Path, workers: int) -> tuple[Path, list[str]]:
    """Run exactly the chains of a plan, of which only the records are kept.

    Args:
        plan: The chains.
        out: The folder that the run folder is made in.
        workers: Processes, of one thread each.

    Returns:
        The run folder, and what failed, a line each.
    """
    plan.require_needs()
    folder = RunFolder.of(out, plan.suite)
    folder.create()
    how = _How(choose("local"), workers, keep="none", quiet=True, debug=False)
    return folder.path, _run(plan, folder, how)[0]


def _measure_nulls(plan: Plan, folder: RunFolder, executor: Executor) -> None:
    suite = plan.suite
    wanted = {chain.regime: (chain.n, chain.identity()[1]) for chain in plan.chains}
    missing = [
        name
        for name, (n, data_hash) in wanted.items()
        if folder.null(name, suite.regime(name).fidelity_metric, n, data_hash) is None
    ]
    tasks = [
        MeasureNull(
            **_of_suite(plan, folder),
            regime=name,
        )
        for name in missing
    ]
    for place, event in executor.run(tasks):
        if isinstance(event, TaskFailed):
            failed = RunFailed(f"the null of regime {missing[place]!r} was not measured: {event.reason}")
            failed.add_note(event.trace)  # for --debug
            raise failed


def _run_chains(
    plan: Plan, chains: Sequence[PlannedChain], folder: RunFolder, executor: Executor, how: _How, watcher: Watcher
) -> tuple[list[str], list[PlannedChain]]:
    """Run chains, and return what failed, a line each, and the chains that are still to be run.

    There are some where a regime was given up because its adapter breaks the contract: those of the other regimes.
    """
    tasks = [
        RunChain(
            **_of_suite(plan, folder),
            chain=chain,
            keep=how.keep,
            begins_with=None if folder.has_begun(chain) else plan.generation_0(chain),
        )
        for chain in chains
    ]
    failures: list[str] = []
    left = dict(enumerate(chains))
    for place, event in executor.run(tasks):
        chain = chains[place]
        if isinstance(event, TaskFailed) and _is_recorded(folder, chain):
            del left[place]
            event = Remark(text=f"every generation is recorded, but then: {event.reason}")
        _tell(watcher, chain, event)
        if isinstance(event, TaskDone | TaskFailed):
            del left[place]
        if not isinstance(event, TaskFailed):
            continue
        if how.debug and event.trace:
            watcher.say(event.trace)
        failures.append(f"{chain}: {event.reason}")
        if event.disk_full:
            failures.append(_full(folder))
            return failures, []
        if folder.chain_of(chain).is_dir():
            note_failure(folder.chain_of(chain), event.reason, event.trace)
        if event.hopeless:
            others = [other for other in left.values() if other.regime != chain.regime]
            for other in left.values():
                if other.regime == chain.regime:
                    watcher.ended(other)
            failures.append(_given_up(chain.regime, len(left) - len(others)))
            return failures, others
    return failures, []


def _of_suite(plan: Plan, folder: RunFolder) -> dict[str, Any]:
    """Return the fields that every task of a plan has."""
    return {
        "suite": plan.suite.tag,
        "source": plan.suite.source,
        "overrides": json_copy(plan.suite.overrides),
        "folder": str(folder.path.resolve()),
        "code": {name: file.sha256 for name, file in plan.code_files().items()},
    }


def _lacks_picture(folder: RunFolder, status: ChainStatus) -> bool:
    """Return whether a process ended between the last record of a finished chain and its picture, which can still be drawn."""
    return status.state == "done" and can_be_drawn(folder.chain_of(status.chain), status.finished - 1)


def _is_recorded(folder: RunFolder, chain: PlannedChain) -> bool:
    """Return whether a chain has all that it is scored by, whatever failed afterwards."""
    return folder.progress(chain.identity()[0], chain.horizon).state in ("done", "diverged")


def _given_up(regime: str, chains: int) -> str:
    others, were = ("1 chain", "was") if chains == 1 else (f"{chains} chains", "were")
    skipped = f"its other {others} would fail in the same way, and {were} not run"
    return f"regime {regime!r} is given up: the adapter breaks the contract{f'; {skipped}' if chains else ''}"


def _tell(watcher: Watcher, chain: PlannedChain, event: Event) -> None:
    match event:
        case TaskStarted():
            watcher.started(chain)
        case GenerationFinished():
            watcher.generation(chain, event.generation, event.seconds)
            if event.status == "diverged":
                watcher.say(f"{chain} diverged at generation {event.generation}: {event.reason}")
        case TaskDone():
            watcher.ended(chain)
        case Remark():
            watcher.say(f"{chain}: {event.text}")
        case TaskFailed():
            watcher.ended(chain)
            watcher.say(f"{chain} failed: {event.reason}")


def _full(folder: RunFolder) -> str:
    return f"the disk of {folder.path} is full: nothing is half written; free some space"
