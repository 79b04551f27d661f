"""The arguments and options that `plan` and `run` share, spelled out once."""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_type_hints

import typer

from fortifai import permission
from fortifai.cli import show_tracebacks
from fortifai.limits import MOST_WORKERS, require_count
from fortifai.sanitise import EXPLORE

if TYPE_CHECKING:
    from fortifai.runner.messages import Keep

Settings = Annotated[list[str] | None, typer.Option("--set", help="key=value; makes it another suite; repeat it.")]
SUITE_HELP = "A suite's name, or the path of a .toml file"
SuiteArgument = Annotated[str, typer.Argument(metavar="SUITE", help=f"{SUITE_HELP}.")]


@dataclass(frozen=True)
class Request:
    """Which part of which suite, in which folder, by how many workers."""

    suite: str
    out: Path
    name: str | None
    seeds: int | None
    generations: int | None
    objectives: tuple[str, ...]
    strategies: tuple[str, ...]
    regimes: tuple[str, ...]
    settings: tuple[str, ...]
    workers: int | None
    keep: "Keep"
    debug: bool


def _options(
    suite: SuiteArgument,
    out: Annotated[Path, typer.Option(help="The folder that runs are kept in.")] = Path("runs"),
    name: Annotated[
        str | None, typer.Option(help="Name of the run's folder in there; by default the suite's name and version.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Chains for each strategy and objective.")] = None,
    explore: Annotated[
        bool, typer.Option("--explore", help="By the seeds that settings are chosen on; no published table rests on them.")
    ] = False,
    generations: Annotated[int | None, typer.Option(help="The last generation; a longer horizon extends a finished run.")] = None,
    objective: Annotated[
        list[str] | None, typer.Option(help="Only these, and the baseline; ./mine.py:Softer is a class in a file; repeat it.")
    ] = None,
    strategy: Annotated[list[str] | None, typer.Option(help="Only these, or of a file likewise; repeat it.")] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="Measure this too, or of a file likewise; makes it another suite; repeat it.")
    ] = None,
    regime: Annotated[list[str] | None, typer.Option(help="Only these; repeat it.")] = None,
    set_: Settings = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes, of one thread each; the numbers do not depend on it. Default: 1; on a cluster, what it has room for."
        ),
    ] = None,
    keep: Annotated[str, typer.Option(help="What stays of the generations on disk: all, last, samples or none.")] = "last",
    allow_code: Annotated[
        bool,
        typer.Option(
            "--allow-code", help="Run the Python code that a suite file, or a task file of the lm-evaluation-harness, names."
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of whatever fails.")] = False,
) -> Request:
    show_tracebacks(debug)
    from fortifai.planning.regime_table import MORE_METRICS
    from fortifai.runner.messages import as_keep

    if workers is not None:
        require_count("workers", workers, MOST_WORKERS)
    if allow_code:
        permission.allow_code()
    return Request(
        suite=suite,
        out=out,
        name=name,
        seeds=seeds,
        generations=generations,
        objectives=tuple(objective or ()),
        strategies=tuple(strategy or ()),
        regimes=tuple(regime or ()),
        settings=(
            *(set_ or ()),
            *([f"{MORE_METRICS}={json.dumps(metric)}"] if metric else []),
            *([f"{EXPLORE}=true"] if explore else []),
        ),
        workers=workers,
        keep=as_keep(keep),
        debug=debug,
    )


def selecting(command: Callable[..., None]) -> Callable[..., None]:
    """Turn ``command(request, own options ...)`` into a command that takes the shared options too.

    Typer reads the signature of what is returned.
    """
    shared, own = inspect.signature(_options), inspect.signature(command)
    parameters = [*shared.parameters.values(), *list(own.parameters.values())[1:]]
    parameters.sort(key=lambda parameter: parameter.default is not inspect.Parameter.empty)

    @wraps(command)
    def with_options(**values: object) -> None:
        options = {name: values.pop(name) for name in shared.parameters}
        command(_options(**options), **values)  # type: ignore[arg-type]  # Typer has parsed them by these annotations

    hints = {**get_type_hints(_options, include_extras=True), **get_type_hints(command, include_extras=True)}
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {parameter.name: hints[parameter.name] for parameter in parameters}
    return with_options
