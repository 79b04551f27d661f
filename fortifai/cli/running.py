"""`fortifai plan`, `run` and `status`."""

import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from fortifai.cli.executor_options import DEFAULT, GIVEN
from fortifai.cli.output import AsJson, duration, print_json, print_line, print_table, size
from fortifai.cli.selecting import Request, selecting
from fortifai.errors import RunFailed, UserError
from fortifai.fidelity.remarks import counted
from fortifai.fidelity.rule import BASELINE


@selecting
def plan(
    request: Request,
    probe: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="How long a regime of which nothing has run is tried out, for what it takes here; 0: not at all. Default: 5.",
        ),
    ] = None,
    price: Annotated[
        float | None,
        typer.Option(
            help="Of an hour of a GPU or, where no regime needs one, of a core, in any currency: shows what the rest costs."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the chains that a run would have, how many are done already, and what the rest will cost."""
    from fortifai.cli import costs
    from fortifai.planning import probing
    from fortifai.planning.chains import Selection
    from fortifai.planning.cost import estimate
    from fortifai.planning.loading import Adapters
    from fortifai.planning.plan import make_plan
    from fortifai.planning.suite_file import load_suite
    from fortifai.runner.run_folder import RunFolder

    trial = costs.seconds_of_probe(probe)
    costs.require_price(price)
    suite = load_suite(request.suite, request.settings)
    selection = Selection.of_user(request.seeds, request.generations, request.objectives, request.strategies, request.regimes)
    adapters = Adapters()
    planned = make_plan(suite, selection, from_memory=True, say=_say_on_a_terminal, adapters=adapters)
    folder = RunFolder.of(request.out, suite, request.name)
    statuses = planned.statuses(folder)
    probed = probing.probe(planned, folder, adapters, trial, say=_say_on_a_terminal)
    speeds = {name: one.speed for name, one in probed.items()}
    cost = estimate(planned, folder, workers=request.workers or 1, keep=request.keep, probed=speeds)
    energy = probing.joules(planned, folder, cost)
    chains = [
        {**status.chain.model_dump(exclude={"n", "data_hash"}), "state": status.state, "finished": status.finished}
        for status in statuses
    ]
    if as_json:
        seconds = costs.as_json(cost, energy, price)
        needs = [need.what for need in planned.needs]
        missing = [str(need) for need in planned.needs if need.missing is not None]
        first = {"fits": cost.generations_0, "chains": cost.sharing}
        whole = {"suite": suite.tag, "chains": chains, "generation_0": first, "estimate": seconds, "power": _power(chains)}
        print_json({"schema": 1, **whole, "needs": needs, "missing": missing})
        return
    _print_states(chains)
    done = sum(status.is_over for status in statuses)
    bytes_of = ((cost.disk_bytes, "disk"), (cost.memory_bytes, "memory"))
    takes = [f"about {duration(cost.seconds)} with {counted(request.workers or 1, 'worker')}"]
    takes += [f"{size(count)} of {what}" if count is not None else f"{what} unknown" for count, what in bytes_of]
    print_line(f"{counted(len(chains), 'chain')}, {done} of them done; the rest takes {', '.join(takes)}")
    if cost.sharing:
        print_line(f"generation 0 is fitted {counted(cost.generations_0, 'time')} for {counted(cost.sharing, 'chain')}")
    _print_power(_power(chains))
    for line in costs.lines(cost, energy, price):
        print_line(line)
    for need in planned.needs:
        print_line(f"needs {need.what}: here" if need.missing is None else f"needs {need.what}, MISSING: {need.missing}")


@selecting
def run(
    request: Request,
    context: typer.Context,
    executor: Annotated[
        str, typer.Option(help="Where chains run, as `fortifai list executors` has it; with --help, its own options.")
    ] = DEFAULT,
    limit: Annotated[
        int | None, typer.Option(metavar="CHAINS", help="Run at most so many chains of what is missing, and leave the rest.")
    ] = None,
) -> None:
    """Run a suite, or what is missing of it. Stop it at any moment: the same command resumes it."""
    from fortifai.runner.run import run as run_suite

    try:
        result = run_suite(
            request.suite,
            request.out,
            name=request.name,
            seeds=request.seeds,
            generations=request.generations,
            objectives=request.objectives,
            strategies=request.strategies,
            regimes=request.regimes,
            settings=request.settings,
            workers=request.workers,
            executor=executor,
            executor_options=context.meta[GIVEN],
            limit=limit,
            keep=request.keep,
            debug=request.debug,
        )
    except KeyboardInterrupt:  # here, because Typer would end without a word
        raise RunFailed("stopped; what is done is kept, and the same command resumes it") from None
    diverged = f", {result.diverged} of them diverged" if result.diverged else ""
    if result.left:
        rest = shlex.join(["fortifai", *_without("--limit", sys.argv[1:])])
        print_line(f"{result.path}: {counted(result.chains, 'chain')} done{diverged}, {result.left} left; the rest: {rest}")
    else:
        print_line(f"{result.path}: {counted(result.chains, 'chain')} done{diverged}; next: fortifai score {result.path}")


def status(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/quick@5, or a folder of such folders.")],
    as_json: AsJson = False,
) -> None:
    """Show how far the chains of a run are, what failed, and which process is at it; of a folder of runs, a line each."""
    from fortifai.records.reading import runs_in

    if runs := runs_in(run):
        states = {each: _state_or_why_not(each) for each in runs}
        if as_json:
            print_json({"schema": 1, "runs": [{"folder": each.name, **state} for each, state in states.items()]})
            return
        for each, state in states.items():
            print_line(state["reason"] or _told(str(each), state))
        return
    state = _state_of(run)
    if as_json:
        print_json({"schema": 1, **state})
        return
    _print_states(state["chains"])
    for chain in state["chains"]:
        if chain["reason"]:
            print_line(f"{chain['regime']} {chain['strategy']} {chain['objective']} seed {chain['seed']}: "
                       f"{chain['state']} at generation {chain['finished']}: {chain['reason']}")  # fmt: skip
    print_line(_told(state["suite"], state))


def _say_on_a_terminal(text: str) -> None:
    if sys.stderr.isatty():  # for somebody who waits
        print_line(text, error=True)


def _without(option: str, words: Sequence[str]) -> list[str]:
    """Return the words of a command without an option and its value."""
    kept = [word for word in words if not word.startswith(f"{option}=")]
    while option in kept:
        place = kept.index(option)
        del kept[place : place + 2]
    return kept


def _state_of(run: Path) -> dict[str, Any]:
    """Return which suite a run is of, which process is at it, and its chains."""
    from fortifai.records.reading import read_suite
    from fortifai.records.status import read_status
    from fortifai.runner.lock import holder

    return {"suite": read_suite(run).suite.identity, "held_by": holder(run), "chains": read_status(run)}


def _state_or_why_not(run: Path) -> dict[str, Any]:
    """Return the state of one run among others, with the reason why it cannot be read, or None."""
    try:
        return {**_state_of(run), "reason": None}
    except UserError as error:
        return {"suite": None, "held_by": None, "chains": [], "reason": str(error)}


def _told(name: str, state: dict[str, Any]) -> str:
    """Return how far a run is, in one line."""
    counts = Counter(chain["state"] for chain in state["chains"])
    done = sum(counts.pop(over, 0) for over in ("done", "diverged"))
    others = "".join(f", {count} {what}" for what, count in sorted(counts.items()))
    at_it = f"in use by {state['held_by']}" if state["held_by"] else "no process is at it"
    return f"{name}: {done} of {counted(len(state['chains']), 'chain')} done{others}; {at_it}"


def _power(chains: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return for every regime which extension ratio its seeds can show; control chains are compared as well."""
    from fortifai.fidelity.power import SD_LOG_RATIO, smallest_visible_ratio

    groups = {(chain["regime"], chain["strategy"], chain["objective"]) for chain in chains if chain["objective"] != BASELINE}
    seeds: dict[str, set[int]] = {}
    for chain in chains:
        seeds.setdefault(chain["regime"], set()).add(chain["seed"])
    return [
        {
            "regime": regime,
            "seeds": len(own),
            "comparisons": len(groups),
            "smallest_visible_ratio": smallest_visible_ratio(len(own), len(groups)) if groups else None,
            "sd_log_ratio": SD_LOG_RATIO,
        }
        for regime, own in seeds.items()
    ]


def _print_power(regimes: Sequence[dict[str, Any]]) -> None:
    from fortifai.fidelity.power import CORRELATION, ONSET_CV
    from fortifai.report.tables import rough

    for regime in regimes:
        visible, seeds = regime["smallest_visible_ratio"], counted(regime["seeds"], "seed")
        if visible is not None:
            print_line(f"{regime['regime']}: with {seeds} an ER below {rough(visible)} will not be seen")
        elif regime["comparisons"]:
            print_line(f"{regime['regime']}: with {seeds} no ER will be seen; three are the fewest")
    if any(regime["smallest_visible_ratio"] is not None for regime in regimes):
        print_line(
            f"(seen: p < 0.05 with a chance of 80 %, after Holm among {counted(regimes[0]['comparisons'], 'comparison')}, "
            f"if onsets have a coefficient of variation of {ONSET_CV} and a seed's two chains correlate by {CORRELATION})"
        )


def _print_states(chains: Sequence[dict[str, Any]]) -> None:
    """Print one line for each regime, strategy and objective: how many chains are in which state."""
    groups: dict[tuple[str, str, str], Counter[str]] = {}
    for chain in chains:
        states = groups.setdefault((chain["regime"], chain["strategy"], chain["objective"]), Counter())
        states[chain["state"]] += 1
        states["generations"] += min(chain["finished"], chain["horizon"] + 1)
        states["of"] += chain["horizon"] + 1
    rows = []
    for group, states in groups.items():
        counts = ", ".join(f"{count} {state}" for state, count in states.items() if state not in ("generations", "of"))
        rows.append((*group, counts, f"{states['generations']}/{states['of']}"))
    print_table(("regime", "strategy", "objective", "chains", "generations"), rows)
