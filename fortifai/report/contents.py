"""What the pages of a run are made of: its score, its pictures, its samples and its numbers."""

from dataclasses import dataclass
from pathlib import Path

from fortifai.errors import UserError
from fortifai.fidelity.rule import BASELINE
from fortifai.fidelity.scores import ScoreTable
from fortifai.fidelity.scoring import score_loaded
from fortifai.fidelity.trajectories.reading import STATES
from fortifai.fidelity.trajectories.source import load
from fortifai.records.numbers import RunNumbers
from fortifai.records.reading import read_chains
from fortifai.records.run_numbers import numbers_of
from fortifai.report.confidence import draw_confidence
from fortifai.report.estimate import estimate_against_actual
from fortifai.report.examples import Gallery, collect
from fortifai.report.pictures import draw
from fortifai.report.plots import Plot, plots_of
from fortifai.report.style import Picture
from fortifai.report.tables import number_notes, with_title

PICTURES = "pictures"
"""The folder beside the pages that pictures are drawn into."""


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
        plots: Of its trajectories.
        pictures: Their files, and those of confidence.
        gallery: What the generations made.
        estimate: What it was expected to cost against what it cost, by regime, as text; none where nothing was noted.
    """

    numbers: RunNumbers
    score: ScoreTable
    title: str
    headings: list[str]
    rows: list[list[str]]
    notes: list[str]
    unfinished: int
    plots: list[Plot]
    pictures: list[Picture]
    gallery: Gallery
    estimate: list[list[str]]


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
    loaded = load(run, None, BASELINE, None, None)
    table = score_loaded(loaded, BASELINE)
    # Where nothing could be scored there is no fidelity to draw; the table says why.
    is_scored = any(row.fidelity_interval for row in table.rows)
    plots = plots_of(loaded, BASELINE) if is_scored else []
    pictures = [*(draw(one, out / PICTURES) for one in plots), *draw_confidence(run, out / PICTURES, BASELINE)]
    gallery = collect(run, read_chains(run), BASELINE, out)
    title, headings, rows = with_title(table, run.name)
    numbered, notes = number_notes(headings, rows)
    estimate = estimate_against_actual(run, numbers)
    return Contents(numbers, table, title, headings, numbered, notes, unfinished, plots, pictures, gallery, estimate)
