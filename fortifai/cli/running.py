"""`fortifai plan`, `run` and `status`."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from fortifai.cli.describing import SuiteArgument
from fortifai.cli.output import AsJson, duration, print_json, print_table, size
from fortifai.errors import RunFailed, UserError
from fortifai.fidelity.remarks import counted

Out = Annotated[Path, typer.Option(help="The folder that runs are kept in.")]
Seeds = Annotated[int | None, typer.Option(help="Chains for each strategy and objective.")]
Generations = Annotated[int | None, typer.Option(help="The last generation; a longer horizon extends a finished run.")]
Objectives = Annotated[list[str] | None, typer.Option("--objective", help="Only these, and the baseline; repeat it.")]
Strategies = Annotated[list[str] | None, typer.Option("--strategy", help="Only these; repeat it.")]
Regimes = Annotated[list[str] | None, typer.Option("--regime", help="Only these; repeat it.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="key=value; makes it another suite; repeat it.")]
Workers = Annotated[int, typer.Option(help="Processes, of one thread each; the numbers do not depend on it.")]
KeepOption = Annotated[str, typer.Option(help="What stays of the generations on disk: all, last, samples or none.")]


def plan(
    suite: SuiteArgument,
    out: Out = Path("runs"),
    seeds: Seeds = None,
    generations: Generations = None,
    objective: Objectives = None,
    strategy: Strategies = None,
    regime: Regimes = None,
    set_: Settings = None,
    workers: Workers = 1,
    keep: KeepOption = "last",
    as_json: AsJson = False,
) -> None:
    """Show the chains that a run would have, how many are done already, and what the rest will cost."""
    from fortifai.planning.chains import Selection
    from fortifai.planning.plan import make_plan
    from fortifai.planning.suite_file import load_suite
    from fortifai.runner.run_folder import RunFolder

    chosen = load_suite(suite, set_ or ())
    selection = Selection(seeds, generations, tuple(objective or ()), tuple(strategy or ()), tuple(regime or ()))
    folder = RunFolder.of(out, chosen)
    found = make_plan(chosen, selection, folder, workers=_at_least_one(workers), keep=_keep(keep))
    cost = found.estimate
    chains = [
        {**_named(chain), "id": chain.id or None, "horizon": chain.horizon, "finished": chain.finished} for chain in found.chains
    ]
    missing = [str(need) for need in found.needs if need.missing is not None]
    if as_json:
        estimate = {"seconds": cost.seconds, "disk_bytes": cost.disk_bytes, "memory_bytes": cost.memory_bytes}
        needs = [need.what for need in found.needs]
        print_json({"schema": 1, "suite": chosen.tag, "chains": chains, "estimate": estimate, "needs": needs, "missing": missing})
        return
    _print_states(chains)
    done = len(found.chains) - len(found.left())
    bytes_of = ((cost.disk_bytes, "disk"), (cost.memory_bytes, "memory"))
    takes = [f"about {duration(cost.seconds)} with {counted(workers, 'worker')}"]
    takes += [f"{size(count)} of {what}" for count, what in bytes_of if count is not None]
    print(f"{counted(len(found.chains), 'chain')}, {done} of them done; the rest takes {', '.join(takes)}")
    if cost.gpu_seconds:
        known = any(folder.measured(regime.name) for regime in chosen.regimes if regime.gpu)
        basis = "by what has run" if known else "estimated from arithmetic, not measured"
        print(f"needs a GPU: about {cost.gpu_seconds / 3600:.3g} GPU hours ({basis})")
    for need in found.needs:
        print(f"needs {need.what}: here" if need.missing is None else f"needs {need.what}, MISSING: {need.missing}")


def run(
    suite: SuiteArgument,
    out: Out = Path("runs"),
    seeds: Seeds = None,
    generations: Generations = None,
    objective: Objectives = None,
    strategy: Strategies = None,
    regime: Regimes = None,
    set_: Settings = None,
    workers: Workers = 1,
    executor: Annotated[str, typer.Option(help="Where chains run: local.")] = "local",
    keep: KeepOption = "last",
) -> None:
    """Run a suite, or what is missing of it. Stop it at any moment: the same command goes on from there."""
    from fortifai.runner.run import run as run_suite

    try:
        result = run_suite(
            suite,
            out,
            seeds=seeds,
            generations=generations,
            objectives=objective or (),
            strategies=strategy or (),
            regimes=regime or (),
            settings=set_ or (),
            workers=workers,
            executor=executor,
            keep=_keep(keep),
        )
    except KeyboardInterrupt:  # here, because Typer would end without a word
        raise RunFailed("stopped; what is done is kept, and the same command goes on from there") from None
    diverged = f", {result.diverged} of them diverged" if result.diverged else ""
    print(f"{result.path}: {counted(result.chains, 'chain')} done{diverged}; next: fortifai score {result.path}")


def status(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/quick@3.")], as_json: AsJson = False
) -> None:
    """Show how far the chains of a run are, what failed, and which process is at it."""
    from fortifai.records.reading import read_suite
    from fortifai.records.status import read_status
    from fortifai.runner.lock import holder

    suite = read_suite(run).suite.identity
    chains = read_status(run)
    held = holder(run)
    if as_json:
        print_json({"schema": 1, "suite": suite, "held_by": held, "chains": chains})
        return
    _print_states(chains)
    for chain in chains:
        if chain["reason"]:
            print(f"{chain['regime']} {chain['strategy']} {chain['objective']} seed {chain['seed']}: "
                  f"{chain['state']} at generation {chain['finished']}: {chain['reason']}")  # fmt: skip
    done = sum(chain["state"] in ("done", "diverged") for chain in chains)
    print(f"{suite}: {done} of {counted(len(chains), 'chain')} done; {f'in use by {held}' if held else 'no process is at it'}")


def _print_states(chains: list[dict[str, Any]]) -> None:
    """Print one line for each regime, strategy and objective: how many chains are in which state."""
    groups: dict[tuple[str, str, str], Counter[str]] = {}
    for chain in chains:
        states = groups.setdefault((chain["regime"], chain["strategy"], chain["objective"]), Counter())
        states[chain["state"]] += 1
        states["generations"] += min(chain["finished"], chain["horizon"] + 1)
        states["of"] += chain["horizon"] + 1
    rows = []
    for group, states in groups.items():
        said = ", ".join(f"{count} {state}" for state, count in states.items() if state not in ("generations", "of"))
        rows.append((*group, said, f"{states['generations']}/{states['of']}"))
    print_table(("regime", "strategy", "objective", "chains", "generations"), rows)


def _named(chain: Any) -> dict[str, Any]:
    return {key: getattr(chain, key) for key in ("regime", "strategy", "objective", "seed", "state")}


def _keep(name: str) -> Any:
    from fortifai.runner.chain_folder import Keep

    if name not in get_args(Keep):
        raise UserError(f"--keep {name}: should be one of {', '.join(get_args(Keep))}")
    return name


def _at_least_one(workers: int) -> int:
    if workers < 1:
        raise UserError(f"--workers {workers}: must be at least 1")
    return workers
