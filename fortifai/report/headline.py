"""What came out of a regime, in a sentence a strategy."""

from collections.abc import Sequence
from itertools import groupby

from fortifai.fidelity.rule import BASELINE, CONTROL
from fortifai.fidelity.scores import ScoreRow
from fortifai.report.tables import estimate, number, p_value

SIGNIFICANT = 0.05
"""The p-value, adjusted for the comparisons of the table, below which two objectives are told apart."""


def headline(rows: Sequence[ScoreRow]) -> str:
    """Return what came out of one regime, as plain text; control chains are left out.

    Args:
        rows: The regime's rows of the score, in the table's order, by which the rows of a strategy and a metric are neighbours.
    """
    shown = [row for row in rows if row.strategy is None or row.strategy.partition(":")[0] != CONTROL]
    groups = groupby(shown, key=lambda row: (row.strategy, row.metric))
    return " ".join(_sentence(strategy, list(group)) for (strategy, _), group in groups) or "Only control chains were scored."


def _sentence(strategy: str | None, rows: list[ScoreRow]) -> str:
    under = f" under {strategy}" if strategy else ""
    baseline = next((row for row in rows if row.objective == BASELINE), None)
    if baseline is None or baseline.fidelity_interval is None:
        return f"Nothing could be scored{under}."
    begun = f"{BASELINE} stays faithful for {_generations(baseline)}{under}"
    others = [(row.extension_ratio.value, row) for row in rows if row is not baseline and row.extension_ratio]
    if not others:
        return f"{begun}."
    _, best = max(others, key=lambda pair: pair[0])
    versus = f"{estimate(best.extension_ratio)} times as long"
    if best.p_value is None or best.p_value >= SIGNIFICANT:
        judged = f" (p {p_value(best.p_value)})" if best.p_value is not None else ""
        return f"{begun}; nothing is shown to last longer, {best.objective} comes nearest with {versus}{judged}."
    if best.extension_ratio is not None and best.extension_ratio.value <= 1:
        return f"{begun}; no other objective lasts as long."
    return f"{begun}; {best.objective} lasts longest, for {_generations(best)}: {versus}."


def _generations(row: ScoreRow) -> str:
    """Return the fidelity interval of a row in words; at least as long where some chains never collapsed."""
    value = number(row.fidelity_interval.value if row.fidelity_interval else None)
    return f"{'at least ' if row.censored else ''}{value} of {row.horizon} generations"
