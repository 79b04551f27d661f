"""What the pages of a run are made of: its score, its pictures, its samples and its numbers."""

from dataclasses import dataclass
from pathlib import Path

from fortifai.errors import UserError
from fortifai.fidelity.rule import BASELINE
from fortifai.fidelity.scores import ScoreTable
from fortifai.fidelity.scoring import score
from fortifai.fidelity.trajectories.reading import STATES
from fortifai.records.numbers import RunNumbers
from fortifai.records.reading import read_chains
from fortifai.records.run_numbers import numbers_of
from fortifai.report.confidence import draw_confidence
from fortifai.report.examples import Gallery, collect
from fortifai.report.pictures import draw_run
from fortifai.report.style import Picture
from fortifai.report.tables import number_notes, with_title

PICTURES = "pictures"
"""The folder beside the pages that pictures are drawn into."""

KINDS = {
    "fidelity": "Fidelity by generation: the median over chains, and from the worst chain to the best.",
    "survival": "The share of chains that have not collapsed yet.",
    "threshold": "FI for every threshold of fidelity: what the choice of the threshold decides.",
    "confidence": "Confidence p_t on held-out real data (grey) and on the model's own samples (line).",
}
"""What the pictures of each kind show, in the order of a page."""


HEADINGS = {
    "fidelity": "Fidelity",
    "survival": "Chains that have not collapsed",
    "threshold": "FI by threshold",
    "confidence": "Confidence",
}
"""The heading above the pictures of each kind."""


@dataclass(frozen=True)
class Contents:
    """What is shown of a run.

    Attributes:
        numbers: Of the run, which say what its suite is, what it cost and how it is computed again.
        score: By the rule of the suite.
        title: What all rows of the score have in common.
        headings: Of the score as text.
        rows: Of the score as text, with a number for each note.
        notes: On the score, in the order of their numbers.
        unfinished: How many chains are not finished.
        pictures: Those drawn.
        gallery: What the generations made.
    """

    numbers: RunNumbers
    score: ScoreTable
    title: str
    headings: list[str]
    rows: list[list[str]]
    notes: list[str]
    unfinished: int
    pictures: list[Picture]
    gallery: Gallery


def gather(run: Path, out: Path) -> Contents:
    """Return what is shown of a run, with its pictures drawn and its examples copied beside the pages.

    Args:
        run: The run folder.
        out: The folder of the pages.

    Raises:
        UserError: As `report` says.
    """
    numbers = numbers_of(run)
    unfinished = sum(chain.state not in STATES for chain in numbers.chains)
    if unfinished == len(numbers.chains):
        raise UserError(f"{run}: no finished chain in it yet; `fortifai run` goes on, `fortifai status {run}` says how far it is")
    table = score(run, baseline=BASELINE)
    # Where nothing could be scored there is no fidelity to draw; the table says why.
    is_scored = any(row.fidelity_interval for row in table.rows)
    pictures = draw_run(run, out / PICTURES) if is_scored else draw_confidence(run, out / PICTURES, BASELINE)
    gallery = collect(run, read_chains(run), BASELINE, out)
    title, headings, rows = with_title(table, run.name)
    numbered, notes = number_notes(headings, rows)
    return Contents(numbers, table, title, headings, numbered, notes, unfinished, pictures, gallery)
