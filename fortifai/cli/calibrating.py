"""`fortifai calibrate`."""

from dataclasses import asdict
from typing import Annotated

import typer

from fortifai.cli.output import AsJson, print_json, print_line, print_table
from fortifai.errors import UserError

MOST_CHAINS = 1_000_000
"""Chains of an experiment; 4,000 take a minute."""


def calibrate(
    law: Annotated[list[int] | None, typer.Option(help="Only this law, by its number in docs/laws.md; repeat it.")] = None,
    chains: Annotated[
        int | None, typer.Option(help="Chains at 100 samples a fit, by default 4,000; more at fewer samples, fewer at more.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same numbers.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Check the loop that every suite runs against laws with a known answer, by Monte Carlo."""
    from fortifai.laws import calibrate as check_laws

    if chains is not None and chains > MOST_CHAINS:
        raise UserError(f"--chains {chains}: must be at most {MOST_CHAINS:,}")
    table = check_laws(law or None, chains, seed)
    violated = table.violated()
    if as_json:
        print_json({"schema": 1, "rows": [asdict(row) for row in table.rows]})
    else:
        print_table(
            ("law", "setting", "predicted", "measured", "standard error", "z"),
            [
                (str(row.law), row.setting, f"{row.predicted:.5f}", f"{row.measured:.5f}", f"{row.standard_error:.5f}",
                 "–" if row.z is None else f"{row.z:+.2f}") for row in table.rows
            ],
        )  # fmt: skip
        verdict = "all hold"
        if violated:
            verdict = f"{len(violated)} violated: " + "; ".join(f"law {row.law}, {row.setting}" for row in violated)
        print_line(f"{len(table.rows)} rows, bound |z| <= {table.bound:.2f} (0.1 % for all of them together): {verdict}")
    if violated:
        raise typer.Exit(1)
