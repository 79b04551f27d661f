"""`fortifai new-modality`."""

from pathlib import Path
from typing import Annotated

import typer

from fortifai.cli.output import print_line
from fortifai.sanitise import user_path


def new_modality(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What suites will call it, such as my-thing.")],
    out: Annotated[str | None, typer.Option(metavar="DIR", help="The folder to write; by default ./fortifai-NAME.")] = None,
) -> None:
    """Write a small package with a modality of your own, which works as it stands, and say what to edit."""
    from fortifai.scaffold.steps import commands_of, steps_of
    from fortifai.scaffold.writing import package_of, write_package

    folder = user_path(out) if out is not None else Path(f"fortifai-{name}")
    files = write_package(name, folder)
    steps = [(str(folder / step.file), step.what) for step in steps_of(package_of(name), name)]
    print_line(f"{folder}: {len(files)} files, a package that works as it stands. Type:")
    for command in commands_of(name, folder):
        print_line(f"  {command}")
    print_line("To make it your own, edit in this order, and type them again:")
    width = max(len(file) for file, _ in steps)
    for number, (file, what) in enumerate(steps, start=1):
        print_line(f"  {number}. {file:<{width}}  {what}")
