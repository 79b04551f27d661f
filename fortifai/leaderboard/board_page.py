"""The files of one run or entry on the board: its page, and its tables for people and for other programs."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from fortifai.fidelity.rule import BASELINE, is_control
from fortifai.fidelity.scores import ScoreTable
from fortifai.fidelity.trajectories.source import LoadedTrajectories
from fortifai.leaderboard import pareto
from fortifai.leaderboard.ranking import page
from fortifai.leaderboard.schema import Leaderboard, RankedRow
from fortifai.leaderboard.templates import render
from fortifai.records.entry import Entry
from fortifai.records.numbers import RunNumbers
from fortifai.report import tables
from fortifai.report.blocks import in_blocks
from fortifai.report.costs import costs_of
from fortifai.report.formats import as_csv, as_latex
from fortifai.report.inline_plot import inline_plot
from fortifai.report.plots import HEADINGS, KINDS, Plot, plots_of

COLUMNS = (
    "rank",
    "objective",
    "FI",
    "ER",
    "p",
    "ER, all thresholds",
    "p, all thresholds",
    "chains",
    "censored",
    "phi at 0",
    "masked",
)
"""Of the table of a regime and strategy."""

PLOTS = ("fidelity", "survival", "threshold")
"""The kinds of plots that a page has: those of numbers alone."""

UP, DOWNLOAD = "\0up\0", "\0download\0"
"""What stands in a page for what depends on where it is; no text that a page shows holds a NUL character."""

FILES: dict[str, Callable[[Leaderboard], str]] = {
    "score.csv": lambda board: as_csv(_score(board)),
    "score.tex": lambda board: as_latex(_score(board), board.identity),
    "leaderboard.json": lambda board: board.model_dump_json(indent=2) + "\n",
    "README.md": page,
}
"""What lies beside a page, by the names of the files."""


@dataclass(frozen=True)
class _Table:
    heading: str
    about: str
    headings: Sequence[str]
    rows: list[list[str]]
    notes: list[str]


@dataclass(frozen=True)
class _Figure:
    heading: str
    svg: Markup


def files_of(numbers: RunNumbers, entry: Entry | None, loaded: LoadedTrajectories, board: Leaderboard) -> dict[str, str]:
    """Return the files of a run or an entry by their names; `placed` completes the page.

    Args:
        numbers: Of the run.
        entry: What else was sent in; None for a run.
        loaded: Its trajectories.
        board: Its score, ranked.
    """
    page = _page(numbers, entry, loaded, board)
    return {"index.html": page, **{name: as_text(board) for name, as_text in FILES.items()}}


def placed(text: str, folder: str, download: str | None) -> str:
    """Return a file as it is in its folder: with the way up to the index, and to the file that there is to download.

    Args:
        text: As `files_of` has it.
        folder: The folder of the page, below that of the board.
        download: The address of the entry's file, from the page; None where it is not on the site.
    """
    link = "" if download is None else Markup('<p><a href="{}" download>All numbers of all chains</a>.</p>').format(download)
    return text.replace(UP, os.path.relpath(".", folder)).replace(DOWNLOAD, link)


def _score(board: Leaderboard) -> ScoreTable:
    return ScoreTable(rows=list(board.rows))


def _page(numbers: RunNumbers, entry: Entry | None, loaded: LoadedTrajectories, board: Leaderboard) -> str:
    drawn = plots_of(loaded, BASELINE) if any(row.fidelity_interval for row in board.rows) else []
    plots = sorted(drawn, key=lambda plot: plot.group.is_control)
    rows = sorted(board.rows, key=lambda row: is_control(row.strategy))  # controls come last
    groups = [list(group) for _, group in groupby(rows, key=lambda row: (row.modality, row.model, row.regime, row.strategy))]
    return render(
        "board.html.j2",
        entry=entry,
        board=board,
        summary=(numbers.suite.model_extra or {}).get("summary"),
        blocks=in_blocks(_score(board), BASELINE, board.identity),
        protocol=_protocol(numbers),
        tables=[_table(group) for group in groups],
        figures=[(HEADINGS[kind], KINDS[kind], _figures(plots, kind)) for kind in PLOTS],
        costs=costs_of(numbers, BASELINE),
        about_paretos=pareto.ABOUT,
        pareto_headings=pareto.HEADINGS,
        paretos=[
            (_figure(one.plot(), f"pareto-{place}"), one.rows()) for place, one in enumerate(pareto.paretos_of(numbers, board))
        ],
        up=Markup(UP),
        download=Markup(DOWNLOAD),
    )


def _figures(plots: Sequence[Plot], kind: str) -> list[_Figure]:
    return [_figure(plot, f"{kind}-{place}") for place, plot in enumerate(plots) if plot.kind == kind]


def _figure(plot: Plot, name: str) -> _Figure:
    title = " · ".join(filter(None, (plot.group.regime, plot.group.strategy, plot.metric)))
    heading, about = HEADINGS.get(plot.kind, "Cost"), KINDS.get(plot.kind, pareto.ABOUT)
    description = f"{about} Objectives: {', '.join(plot.objectives)}."
    return _Figure(title, inline_plot(plot, name, f"{heading}: {title}", description))


def _table(rows: list[RankedRow]) -> _Table:
    notes = list(dict.fromkeys(row.reason for row in rows if row.reason))
    first = rows[0]
    cells = [
        [
            str(row.rank or tables.NONE),
            row.objective,
            tables.estimate(row.fidelity_interval),
            tables.estimate(row.extension_ratio),
            tables.p_value(row.p_value),
            tables.estimate(row.ratio_over_thresholds),
            tables.p_value(row.p_value_over_thresholds),
            str(row.chains),
            str(row.censored),
            tables.number(row.phi_at_generation_0),
            tables.share(row.masked_share),
            str(notes.index(row.reason) + 1) if row.reason else "",
        ]
        for row in rows
    ]
    heading = " · ".join(name for name in (first.modality, first.model, first.regime, first.strategy) if name)
    return _Table(heading, f"by {first.metric}, up to generation {first.horizon}", COLUMNS, cells, notes)


def _protocol(numbers: RunNumbers) -> list[tuple[str, str]]:
    """Return what is run, regime by regime, in words."""
    regimes = (numbers.suite.model_extra or {}).get("regimes") or {}
    return [(str(name), _in_words(table)) for name, table in regimes.items() if isinstance(table, dict)]


def _in_words(regime: dict[str, object]) -> str:
    sampling = regime.get("sampling")
    settings = sampling if isinstance(sampling, dict) else {}
    read_out = ", ".join(f"{key} {value}" for key, value in settings.items() if value is not None)
    start = "from the last model" if regime.get("start") == "warm" else "from scratch"
    return (
        f"Generation 0 is fitted to n = {regime.get('n')} real samples, and every generation makes as many; fits start {start}; "
        f"{regime.get('generations')} generations, {regime.get('seeds')} seeds; read out with {read_out or 'nothing changed'}; "
        f"scored by {regime.get('fidelity_metric')}."
    )
