"""A score as blocks that fit a terminal: one for each regime and strategy, with the sentences that say what its rows mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from fortifai.fidelity.remarks import counted
from fortifai.fidelity.rule import in_words, is_control
from fortifai.fidelity.scores import ScoreRow, ScoreTable
from fortifai.report.sentences import controls_sentence, further_remarks, sentence
from fortifai.report.tables import NONE, estimate, p_value, title_of

HEADINGS = ("objective", "FI", "ER", "all thresholds", "p", "censored")
"""Columns of a block; those with nothing in any row of the score are left out."""

GROUPED_BY = ("suite", "modality", "model", "regime", "strategy", "metric", "rule")
"""What the rows of a block share."""


@dataclass(frozen=True)
class Block:
    """The rows of one group.

    Attributes:
        heading: What tells it from the other blocks, and its horizon.
        rows: A text for each column; the first is the objective.
        notes: The number of the note on each row, from 1, or None.
        sentences: What the rows mean.
    """

    heading: str
    rows: list[list[str]]
    notes: list[int | None]
    sentences: list[str]


@dataclass(frozen=True)
class Blocks:
    """A score in blocks.

    Attributes:
        title: What all rows have in common.
        headings: Of the columns of every block, the objective's first.
        blocks: In the order of the score, control chains last.
        control: How the control chains fared, in one line; None without any.
        notes: The remarks that rows refer to by number, from 1.
        legend: What the columns mean.
    """

    title: str
    headings: list[str]
    blocks: list[Block]
    control: str | None
    notes: list[str]
    legend: str


def in_blocks(table: ScoreTable, baseline: str, name: str) -> Blocks:
    """Return a score in blocks. Control chains are one line where all were scored and none crossed the threshold.

    Args:
        table: The score, of at least one row.
        baseline: The objective that the others were compared with.
        name: What the title begins with where the rows are of no suite.
    """
    controls = [row for row in table.rows if is_control(row.strategy)]
    others = [row for row in table.rows if not is_control(row.strategy)]
    stayed = all(row.fidelity_interval is not None and row.censored == row.chains for row in controls)
    shown = others if stayed and others else [*others, *controls]
    everything = [_cells(row) for row in shown]
    kept = [place for place in range(len(HEADINGS)) if any(cells[place] != NONE for cells in everything)]
    numbers: dict[str, int] = {}
    blocks = []
    for _, group in groupby(shown, key=lambda row: [getattr(row, field) for field in GROUPED_BY]):
        rows = list(group)
        remarks = [further_remarks(row) for row in rows]
        blocks.append(
            Block(
                heading=_heading(rows, table),
                rows=[[_cells(row)[place] for place in kept] for row in rows],
                notes=[None if remark is None else numbers.setdefault(remark, len(numbers) + 1) for remark in remarks],
                sentences=_sentences(rows, baseline),
            )
        )
    return Blocks(
        title=title_of(table, name),
        headings=[HEADINGS[place] for place in kept],
        blocks=blocks,
        control=controls_sentence(controls),
        notes=list(numbers),
        legend=_legend([HEADINGS[place] for place in kept], in_words(baseline)),
    )


def _cells(row: ScoreRow) -> list[str]:
    return [
        row.objective,
        estimate(row.fidelity_interval),
        estimate(row.extension_ratio),
        estimate(row.ratio_over_thresholds),
        p_value(row.p_value),
        f"{row.censored}/{row.chains}",
    ]


def _heading(rows: Sequence[ScoreRow], table: ScoreTable) -> str:
    """Return the regime and strategy of a block, all else that is not the same in every row, and the horizon."""
    varying = [field for field in GROUPED_BY if len({getattr(row, field) for row in table.rows}) > 1]
    told = [field for field in GROUPED_BY if field in ("regime", "strategy") or field in varying]
    names = [getattr(rows[0], field) for field in told if getattr(rows[0], field)]
    return " · ".join([*names, f"horizon {max(row.horizon for row in rows)}"])


def _sentences(rows: Sequence[ScoreRow], baseline: str) -> list[str]:
    compared = [sentence(row, baseline) for row in rows if row.objective != baseline]
    cut_short = [f"{row.objective}: {counted(row.incomplete, 'incomplete chain')}, not scored." for row in rows if row.incomplete]
    return [*compared, *cut_short]


def _legend(headings: Sequence[str], baseline: str) -> str:
    terms = {
        "FI": "FI: mean generations until collapse",
        "ER": f"ER: FI over that of {baseline}, by seed",
        "all thresholds": "all thresholds: the same of the mean over every threshold",
        "p": "p: of ER = 1, Holm-adjusted",
        "censored": "censored: not collapsed by the horizon",
    }
    return "; ".join([*(text for heading, text in terms.items() if heading in headings), "[95 % interval]"])
