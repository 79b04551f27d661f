"""`fortifai leaderboard`."""

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from fortifai.cli.output import AsJson, print_document, print_json, print_line, size
from fortifai.errors import UserError
from fortifai.fidelity.remarks import counted

if TYPE_CHECKING:
    from fortifai.entries.checking import Checked
    from fortifai.records.entry import Submission

app = typer.Typer(help="Publish ranked tables that anybody can recompute.", no_args_is_help=True)


@app.callback()
def _leaderboard() -> None:
    """Publish ranked tables that anybody can recompute."""


@app.command("submit")
def submit(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/quick@5.")],
    method: Annotated[str, typer.Option(help="Name of the method: letters, digits, hyphens, underscores and dots.")],
    contact: Annotated[str, typer.Option(help="A mail address, or an https:// address.")],
    paper: Annotated[str | None, typer.Option(help="https:// address of the paper.")] = None,
    code: Annotated[str | None, typer.Option(help="https:// address of the code.")] = None,
    provenance: Annotated[
        str, typer.Option(help="Who computed it: maintainer-run, author-submitted or paper-reported.")
    ] = "author-submitted",
    out: Annotated[
        Path | None, typer.Option(help="The file, or a folder for it, which may be missing; nothing is ever replaced.")
    ] = None,
) -> None:
    """Write a run as one file, an entry: all its numbers, what it was run with, and how to compute it again."""
    from fortifai.entries import submit as write_submission

    submission = _submission(method=method, contact=contact, paper=paper, code=code, provenance=provenance)
    path, entry = write_submission(run, submission, out)
    marks = [name.replace("_", " ") for name, is_so in entry.marks.model_dump().items() if is_so]
    marked = f"; marked {', '.join(marks)}" if marks else ""
    chains = counted(len(entry.numbers.chains), "chain")
    print_line(f"{path}: {chains}, {size(path.stat().st_size)}{marked}; next: fortifai leaderboard check {path}")


@app.command("check")
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Entries, or folders of entries.")],
    standing: Annotated[
        Path | None, typer.Option(help="The folder of the entries that stand; by default the one that each file is in.")
    ] = None,
    suite: Annotated[
        str | None, typer.Option(help="Name or file of the suite that they have to be of; by default the one that they name.")
    ] = None,
    reproduce: Annotated[int, typer.Option(min=0, help="Run so many random chains of each again, and compare.")] = 0,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Processes for that, of one thread each.")] = 1,
    tolerance: Annotated[
        float | None,
        typer.Option(min=0, help="Relative difference that is let pass; by default none on the same machine, 1e-6 on others."),
    ] = None,
    code: Annotated[
        list[Path] | None, typer.Option(help="A file of the entry's own loss, which is run to run chains again; repeat it.")
    ] = None,
    salt: Annotated[str, typer.Option(help="Any text: with another, other chains are chosen.")] = "",
    as_json: AsJson = False,
) -> None:
    """Check entries: every score computed again, every number within what it can be, nothing replaced and nothing twice."""
    from fortifai.code_files import run_file
    from fortifai.entries import check as check_entries
    from fortifai.entries.checking import Reproduction

    for file in code or ():
        run_file(file)
    results = check_entries(files, standing=standing, suite=suite, reproduction=Reproduction(reproduce, workers, tolerance, salt))
    if as_json:
        print_json({"schema": 1, "entries": [_as_json(one) for one in results]})
    else:
        for one in results:
            _print_result(one)
    if any(one.unreadable for one in results):
        raise typer.Exit(2)
    if any(one.faults for one in results):
        raise typer.Exit(1)


@app.command("build")
def build(
    sources: Annotated[Path, typer.Argument(metavar="RUNS_OR_ENTRIES", help="A folder of runs and entries, or one of them.")],
    out: Annotated[Path, typer.Option(help="The folder that pages are written to.")] = Path("leaderboards"),
    workers: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Processes that compute what is new; by default one for each core.")
    ] = None,
) -> None:
    """Write the board: an index across suites, and the pages and tables of every run and entry."""
    from fortifai.leaderboard import build as build_pages

    for path in build_pages(sources, out, lambda text: print_line(text, error=True), workers=workers or os.cpu_count() or 1):
        print_line(str(path))


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of an entry's content."""
    from fortifai.records.entry import Entry

    print_document(json.dumps(Entry.model_json_schema(), indent=2, sort_keys=True))


def _submission(**fields: str | None) -> "Submission":
    from pydantic import ValidationError

    from fortifai.records.entry import CONTACT, METHOD, URL, Provenance, Submission
    from fortifai.sanitise import NAME_RULE

    rules = {
        METHOD: NAME_RULE,
        CONTACT: "a mail address, or one that begins with https://",
        URL: "an address that begins with https://",
    }
    try:
        return Submission.model_validate(fields)
    except ValidationError as error:
        problems = []
        for problem in error.errors(include_url=False):
            name = str(problem["loc"][0])
            rule = rules.get(problem.get("ctx", {}).get("pattern", ""), problem["msg"])
            rule = f"one of {', '.join(get_args(Provenance))}" if name == "provenance" else rule
            problems.append(f"--{name} {fields[name]!r}: should be {rule}")
        raise UserError("; ".join(problems)) from None


def _as_json(one: "Checked") -> dict[str, Any]:
    reruns = [
        {"chain": rerun.chain, "difference": rerun.difference if math.isfinite(rerun.difference) else None,
         "where": rerun.where, "tolerance": rerun.tolerance, "agrees": rerun.agrees}
        for rerun in one.reruns
    ]  # fmt: skip
    stands = not one.faults
    return {"file": str(one.file), "good": stands, "digest": one.digest, "faults": one.faults, "reproduced": reruns}


def _print_result(one: "Checked") -> None:
    for fault in one.faults:
        print_line(f"{one.file}: {fault}")
    if not one.faults:
        again = f"; {counted(len(one.reruns), 'chain')} run again" if one.reruns else ""
        worst = max((rerun.difference for rerun in one.reruns), default=0.0)
        agreed = "" if not one.reruns else ", the same to the last bit" if worst == 0 else f", within {worst:.2g} (relative)"
        print_line(f"{one.file}: good{again}{agreed}")
