"""Every command, by the name it is called with."""

from typing import Annotated, Any

import typer

import fortifai
from fortifai.cli import (
    beginning,
    caching,
    calibrating,
    checking,
    comparing,
    describing,
    exporting,
    leaderboards,
    listing,
    reporting,
    running,
    scoring,
    verifying,
)
from fortifai.cli.executor_options import ExecutorCommand
from fortifai.cli.output import print_line
from fortifai.errors import UserError

UsageError: Any = typer.BadParameter.__mro__[1]
"""Click's error of wrong usage; Typer has a copy of Click of its own, or not, by its version."""

app = typer.Typer(
    name="fortifai",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        print_line(f"fortifai {fortifai.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """For how many generations can a generative model train on its own output before it collapses?"""


app.command("list")(listing.list_)
app.command("describe")(describing.describe)
app.command("plan")(running.plan)
app.command("run", cls=ExecutorCommand)(running.run)
app.command("status")(running.status)
app.command("score")(scoring.score)
app.command("compare")(comparing.compare)
app.command("report")(reporting.report)
app.command("export")(exporting.export)
app.command("verify")(verifying.verify)
app.command("calibrate")(calibrating.calibrate)
app.command("check-adapter")(checking.check_adapter)
app.command("new-modality")(beginning.new_modality)
app.command("cache")(caching.cache)
app.add_typer(leaderboards.app, name="leaderboard")


def run() -> int:
    """Run the command that the program was called with, and return its exit code.

    Raises:
        UserError: It was called in a wrong way. Typer itself would print that as it stands, with all that a terminal obeys.
    """
    try:
        code = app(prog_name="fortifai", standalone_mode=False)  # by this name, whatever Python was started with
    except UsageError as error:
        message, context = error.format_message(), error.ctx
        if not message:
            return 2  # the help has been printed: the program was called without a word
        usage = f"\n{context.get_usage()}; `{context.command_path} --help` says more" if context else ""
        raise UserError(message + usage) from None
    return code if isinstance(code, int) else 0
