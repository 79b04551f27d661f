"""The report of a run: one page with its score, its pictures, and what its generations made. Imports no torch."""

from dataclasses import dataclass
from pathlib import Path

from fortifai.errors import UserError
from fortifai.fidelity.rule import BASELINE
from fortifai.fidelity.scoring import score
from fortifai.fidelity.trajectories.reading import STATES
from fortifai.records.reading import ChainState, progress_of, read_chains, read_recorded, read_suite
from fortifai.records.schema import ChainRecord
from fortifai.report.confidence import draw_confidence
from fortifai.report.examples import collect
from fortifai.report.markdown import environment, write_page
from fortifai.report.pictures import plot
from fortifai.report.tables import number_notes, with_title

KINDS = {
    "fidelity": "Fidelity by generation: the median over chains, and from the worst chain to the best.",
    "survival": "The share of chains that have not collapsed yet.",
    "threshold": "FI for every threshold of fidelity: what the choice of the threshold decides.",
    "confidence": "Confidence p_t on held-out real data (grey) and on the model's own samples (line).",
}
"""What the pictures of each kind show, in the order of the page."""


@dataclass(frozen=True)
class _Pictures:
    about: str
    files: list[str]


def report(run: str | Path, out: str | Path) -> list[Path]:
    """Write ``README.md`` into a folder, with the score, the pictures and the examples of a run, and all files that it shows.

    The score is by the rule of the run's suite. Files of the same names are replaced. An example that cannot be read is left
    out, and the page says so.

    Args:
        run: The run folder.
        out: The folder to write.

    Returns:
        The page, and then the pictures of the score.

    Raises:
        UserError: For what is not a run folder or has no finished chain, for all that `fortifai.score` raises it for, and when
            a file cannot be written.
    """
    run, out = Path(run), Path(out)
    if run.is_file():
        raise UserError(
            f"{run}: a file, and a report is of a run folder; `fortifai score {run} --plot DIR` scores and draws a CSV file"
        )
    suite = read_suite(run).suite
    chains = read_chains(run)
    finished = [
        chain
        for chain in chains
        if progress_of(run / chain.id, chain.horizon, read_recorded(run / chain.id, chain)).state in STATES
    ]
    if not finished:
        raise UserError(f"{run}: no finished chain in it yet; `fortifai run` goes on, `fortifai status {run}` says how far it is")
    table = score(run, baseline=BASELINE)
    # Where nothing could be scored there is no fidelity to draw; the table says why.
    is_scored = any(row.fidelity_interval for row in table.rows)
    drawn = plot(run, out / "pictures", baseline=BASELINE) if is_scored else draw_confidence(run, out / "pictures", BASELINE)
    gallery = collect(run, chains, BASELINE, out)
    title, headings, rows = with_title(table, run.name)
    numbered, notes = number_notes(headings, rows)
    text = (
        environment("fortifai.report")
        .get_template("page.md.j2")
        .render(
            suite=suite,
            title=title,
            headings=headings,
            rows=numbered,
            notes=notes,
            unfinished=len(chains) - len(finished),
            pictures=_by_kind(drawn),
            gallery=gallery,
        )
    )
    return [write_page(out / "README.md", text), *drawn]


def _by_kind(files: list[Path]) -> list[_Pictures]:
    names = {kind: [f"pictures/{file.name}" for file in files if _is_of(kind, file)] for kind in KINDS}
    return [_Pictures(KINDS[kind], of_kind) for kind, of_kind in names.items() if of_kind]


def _is_of(kind: str, file: Path) -> bool:
    return file.suffix == ".png" and file.name.partition("-")[0] == kind


def _state(folder: Path, chain: ChainRecord) -> ChainState:
    return progress_of(folder, chain.horizon, read_recorded(folder, chain)).state
