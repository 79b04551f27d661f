"""What can be set of an executor, as options of `fortifai run`: those of the one that the command names."""

import inspect
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from fortifai.code_files import split_name
from fortifai.errors import UserError
from fortifai.runner.executor import executors

DEFAULT, OPTION = "local", "--executor"

GIVEN = "fortifai.executor_options"
"""Where a command finds what was given, in the ``meta`` of its context: values by the executor's own names of them."""

_OWN = "fortifai.own_options"


class ExecutorCommand(TyperCommand):
    """A command whose ``--executor`` adds the options that the executor declares; ``--help`` shows them too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of a command, some of which are options of the executor."""
        name = _named(args)
        ctx.meta[_OWN] = own = _options(name)
        _refuse_options_of_others(name, args)
        rest: list[str] = super().parse_args(ctx, args)
        values = {option.name: ctx.params.pop(option.name, None) for option in own}
        ctx.meta[GIVEN] = {name.removeprefix(_PREFIX): value for name, value in values.items() if value is not None}
        return rest

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the command's options, and those of the executor."""
        return [*super().get_params(ctx), *ctx.meta.get(_OWN, ())]


_PREFIX = "executor_"
"""Before the names of what is parsed, so that none is one of the command's own."""


def _named(args: Sequence[str]) -> str:
    """Return the name, without options, of the executor that a command's words name."""
    named = DEFAULT
    for place, word in enumerate(args):
        if word == OPTION and place + 1 < len(args):
            named = args[place + 1]
        elif word.startswith(f"{OPTION}="):
            named = word.partition("=")[2]
    return split_name(named)[0]


def _fields(name: str) -> list[tuple[str, Any]]:
    return list(executors.get(name).Options.model_fields.items())


def _flag(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _options(executor: str) -> list[Any]:
    """Return an option for each field, made by Typer of a command that has no others, as any version of it makes them."""

    def command(**values: str | None) -> None: ...

    panel = f"Options of executor {executor}"
    hints = {
        f"{_PREFIX}{field}": Annotated[str | None, typer.Option(_flag(field), help=info.description, rich_help_panel=panel)]
        for field, info in _fields(executor)
    }
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(name, keyword, default=None, annotation=hint) for name, hint in hints.items()]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = dict(hints)
    app = typer.Typer(add_completion=False)
    app.command()(command)
    return list(typer.main.get_command(app).params)


def _refuse_options_of_others(name: str, args: Sequence[str]) -> None:
    """Raise UserError for an option that another executor has."""
    own = {_flag(field) for field, _ in _fields(name)}
    flags = {word.partition("=")[0] for word in args if word.startswith("--")} - own
    for other in executors:
        if other == name or not flags or executors.broken(other):
            continue
        for field, _ in _fields(other):
            if _flag(field) in flags:
                raise UserError(f"{_flag(field)} is an option of executor {other}, and this is {name}: add --executor {other}")
