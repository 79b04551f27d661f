"""`fortifai check-adapter`."""

from collections import Counter
from typing import Annotated, Any

import typer

from fortifai.cli.output import AsJson, print_json, print_line
from fortifai.contract.declaration import modalities

NAMES = {"passed": "passed", "failed": "FAILED", "skipped": "skipped", "expected failure": "expected failure"}
"""How the end of a check is printed."""


def check_adapter(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A modality, as `fortifai list modalities` shows it.")],
    check: Annotated[list[str] | None, typer.Option("--check", help="Only this check; repeat it.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value, such as data.source=mine.csv or n=50; changes the adapter's example; repeat it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that an adapter keeps the contract, in a small example of its own."""
    declaration = modalities.get(name)
    from fortifai.conformance.running import check_adapter as outcomes_of

    rows: list[dict[str, Any]] = []
    for outcome in outcomes_of(declaration, set_ or (), check or ()):
        row = {"name": outcome.check.name, "summary": outcome.check.summary, "state": outcome.state}
        rows.append(row | {"reason": outcome.reason, "seconds": outcome.seconds})
        if not as_json:
            print_line(f"{NAMES[outcome.state]:<8} {outcome.check.name}" + (f": {outcome.reason}" if outcome.reason else ""))
    counts = Counter(row["state"] for row in rows)
    if as_json:
        print_json({"schema": 1, "name": declaration.name, "version": declaration.version, "checks": rows})
    else:
        seconds = sum(row["seconds"] for row in rows)
        told = ", ".join(f"{counts[state]} {state}" for state in NAMES if counts[state])
        print_line(f"{declaration.name}@{declaration.version}: {told}, in {seconds:.1f} s")
    if counts["failed"]:
        raise typer.Exit(1)
