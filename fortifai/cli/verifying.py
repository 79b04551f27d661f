"""`fortifai verify`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fortifai.cli.output import AsJson, print_json, print_line
from fortifai.fidelity.remarks import counted

SHOWN = 20
"""Findings of one kind that are printed; --json has all of them."""


def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/quick@5, or an entry.")],
    as_json: AsJson = False,
) -> None:
    """Verify that a run folder or an entry is whole: every chain, record and file is what was written, and none is gone."""
    from fortifai.records.entry_file import is_entry
    from fortifai.records.entry_verification import verify_entry
    from fortifai.records.verification import verify_run

    result = verify_entry(run) if is_entry(run) else verify_run(run)
    if as_json:
        counts = {"chains": len(result.chains), "records": result.records, "files": result.files}
        print_json(
            {
                "schema": 1,
                "whole": result.is_whole,
                "digest": result.digest,
                **counts,
                "findings": [asdict(one) for one in result.findings],
            }
        )
    else:
        for kind in ("damaged", "missing", "unverified"):
            findings = result.of(kind)
            for finding in findings[:SHOWN]:
                print_line(f"{kind}: {finding}")
            if len(findings) > SHOWN:
                print_line(f"{kind}: {len(findings) - SHOWN} more; --json has all of them")
        numbers = {"chain": len(result.chains), "record": result.records, "file": result.files}
        looked_at = ", ".join(counted(number, thing) for thing, number in numbers.items())
        print_line(f"{run}: {'whole' if result.is_whole else 'NOT whole'}; {looked_at} verified; digest {result.digest[:16]}")
    if not result.is_whole:
        raise typer.Exit(1)
