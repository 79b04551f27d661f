"""What a score row says of its objective, in one sentence for people: on a terminal, a page and a board alike.

The sentences are plain text, in which names stand as they are: whoever shows one passes it through `fortifai.sanitise`.
"""

from collections.abc import Sequence

from fortifai.fidelity.intervals import LOST_AT_ONCE, NO_SPREAD, TOO_FEW
from fortifai.fidelity.power import LEVEL
from fortifai.fidelity.remarks import BETWEEN, INERT, NO_DIFFERENCE, THRESHOLD_DECIDES, counted, side_of_1
from fortifai.fidelity.rule import in_words
from fortifai.fidelity.scores import Estimate, Ratio, ScoreRow
from fortifai.report.tables import estimate, number, p_value, rough

OTHER_START = 0.05
"""How far from 1 the fidelity of an objective's own generation 0 is worth a word: it began better or worse than the baseline."""

_NO_INTERVAL = (TOO_FEW, NO_SPREAD, LOST_AT_ONCE)
_SAID = (INERT, THRESHOLD_DECIDES, NO_DIFFERENCE)


def sentence(row: ScoreRow, baseline: str) -> str:
    """Return how an objective fared beside the baseline, in one sentence.

    A difference is called one where its p, adjusted over the table, is below 0.05, and by nothing else.

    Args:
        row: The row of an objective other than the baseline.
        baseline: The objective that it was compared with.
    """
    text = _compared(row, in_words(baseline)) + "."
    if row.regime:
        return f"Under `{row.regime}`, {text}"
    # The name of an objective is never written otherwise.
    return text if text.startswith(row.objective) else f"{text[0].upper()}{text[1:]}"


def controls_sentence(rows: Sequence[ScoreRow]) -> str | None:
    """Return how many control chains crossed the threshold, or None where none was scored.

    Args:
        rows: The rows of control chains, of all objectives and regimes.
    """
    scored = [row for row in rows if row.fidelity_interval is not None]
    chains, censored = sum(row.chains for row in scored), sum(row.censored for row in scored)
    if not chains:
        return None
    return f"control: {chains - censored or 'none'} of {counted(chains, 'chain')} crossed"


def further_remarks(row: ScoreRow) -> str | None:
    """Return the remarks on a row that its sentence does not say in full, or None without any."""
    return BETWEEN.join(remark for remark in _remarks(row) if not remark.startswith(_SAID)) or None


def _compared(row: ScoreRow, baseline: str) -> str:
    ratio = row.extension_ratio
    if any(remark.startswith(INERT) for remark in _remarks(row)):
        return f"{row.objective} was {baseline}: it masked nothing before the baseline's onset{_over_thresholds(row)}"
    if ratio is None:
        return f"{row.objective} is not compared with {baseline}: {_why_not(row)}"
    return _lasted(row, ratio, baseline) + _over_thresholds(row) + _start(row)


def _lasted(row: ScoreRow, ratio: Ratio, baseline: str) -> str:
    name, times = row.objective, f"{'at least ' if ratio.lower_bound else ''}{number(ratio.value)} times as long"
    if ratio.low is None and ratio.high is None:
        if ratio.value == 1 and row.censored == row.chains:
            neither = f"neither {name} nor {baseline} collapsed within {row.horizon} generations, in {_chains(row)}"
            return f"{neither}: the rule does not tell them apart"
        why = next((f" ({remark})" for remark in reversed(_remarks(row)) if remark in _NO_INTERVAL), "")
        return f"{name} lasted {times} as {baseline}, in {_chains(row)}{why}"
    measured = f"{_interval(ratio)}, {_chains(row)}, p {p_value(row.p_value)}"
    if row.p_value is None or row.p_value >= LEVEL:
        seen = row.visible_ratio
        unseen = "" if seen is None else f"; with {_chains(row)} an ER below {rough(seen)} may go unseen"
        return f"no difference from {baseline} was seen for {name}: ER {number(ratio.value)} {measured}{unseen}"
    if ratio.value < 1:
        within = f"up to generation {row.horizon} " if ratio.lower_bound else ""
        shorter = f"{number(ratio.value)} times as long"
        return f"{name} collapses sooner than {baseline}: {within}it lasts {shorter} {measured}"
    never = "; none of its chains collapsed" if row.censored == row.chains else ""
    return f"{name} lasts {times} as {baseline} {measured}{never}"


def _over_thresholds(row: ScoreRow) -> str:
    """Return the clause on a ratio over all thresholds that lies on another side of 1 than the rule's, or alone tells a side."""
    ratio, over = row.extension_ratio, row.ratio_over_thresholds
    if ratio is None or over is None or over.low is None:
        return ""
    side = side_of_1(over)
    if side == side_of_1(ratio):
        return ""
    decides = "" if ratio.low is None else f"{THRESHOLD_DECIDES}: "
    return f"; {decides}over all thresholds the ratio is {estimate(over)}, {side}"


def _start(row: ScoreRow) -> str:
    start = row.phi_at_generation_0
    if start is None or abs(start - 1) < OTHER_START:
        return ""
    return f"; it started {'better' if start > 1 else 'worse'}, at phi {number(start)}"


def _why_not(row: ScoreRow) -> str:
    remarks = _remarks(row)
    for beginning in ("no extension ratio: ", "unscored: "):
        for remark in remarks:
            if remark.startswith(beginning):
                return remark.removeprefix(beginning)
    return row.reason or "it has no extension ratio"


def _remarks(row: ScoreRow) -> list[str]:
    return row.reason.split(BETWEEN) if row.reason else []


def _chains(row: ScoreRow) -> str:
    return counted(row.pairs or row.chains, "chain")


def _interval(value: Estimate) -> str:
    return f"[{number(value.low)}, {number(value.high)}]"
