"""Prints the table of the campaign, whichever process ran which part of it."""

import json

import pytest

COLUMNS = ("injected", "named", "refused", "told", "harmless", "same bits", "lost", "silent", "tracebacks")
"""What is counted of each kind of fault; docs/integrity.md says what each means."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = {
        name: json.loads(counts)
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, counts in getattr(report, "user_properties", ())
    }
    if not rows:
        return
    rows["all"] = {column: sum(counts.get(column, 0) for counts in rows.values()) for column in COLUMNS}
    terminalreporter.write_line("")
    terminalreporter.write_line(f"| fault | {' | '.join(COLUMNS)} |")
    terminalreporter.write_line(f"|---|{'---|' * len(COLUMNS)}")
    for name, counts in rows.items():
        terminalreporter.write_line(f"| {name} | {' | '.join(str(counts.get(column, 0)) for column in COLUMNS)} |")
