"""`fortifai cache`."""

from dataclasses import asdict
from typing import Annotated

import typer

from fortifai.cache import cache_folder, kept, prune
from fortifai.cli.output import AsJson, print_json, print_line, size
from fortifai.errors import UserError
from fortifai.fidelity.remarks import counted


def cache(
    days: Annotated[
        float | None,
        typer.Option("--prune", metavar="DAYS", help="Remove what was not used in so many days; 0 removes everything."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is kept between runs, and how large it is: it is safe to remove, and is made again where it is needed."""
    if days is not None and not 0 <= days < float("inf"):
        raise UserError(f"--prune {days:g}: must be 0 or more days")
    removed = None if days is None else prune(days)
    left = kept()
    if as_json:
        listed = {"folder": str(cache_folder()), "kept": list(map(asdict, left))}
        print_json({"schema": 1, **listed} if removed is None else {"schema": 1, **listed, "removed": list(map(asdict, removed))})
        return
    for one in removed or ():
        print_line(f"removed {counted(one.files, 'file')} of {one.kind}, {size(one.size)}")
    for one in left:
        print_line(f"{one.kind}: {counted(one.files, 'file')}, {size(one.size)}")
    print_line(f"{cache_folder()}: {size(sum(one.size for one in left)) if left else 'empty'}")
