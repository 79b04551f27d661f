"""The board as a static site: an index across suites, and a page for every run or entry, each of which loads nothing."""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from markupsafe import Markup

from fortifai.fidelity.rule import BASELINE, is_control
from fortifai.fidelity.scores import ScoreTable
from fortifai.leaderboard.schema import Leaderboard, RankedRow
from fortifai.leaderboard.standings import Measured, Standings, standings
from fortifai.records.entry import Entry
from fortifai.records.numbers import RunNumbers
from fortifai.report import tables
from fortifai.report.blocks import in_blocks
from fortifai.report.collapse import draw_collapse
from fortifai.report.contents import HEADINGS, KINDS
from fortifai.report.costs import costs_of
from fortifai.report.formats import as_csv, as_latex
from fortifai.report.html import environment, inline_svg, policy
from fortifai.report.markdown import write_page
from fortifai.report.pictures import draw_numbers
from fortifai.report.style import Picture

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

CURVES = "Fidelity of cross entropy by generation, the median over chains."
"""What the picture of the index shows."""

PLOTS = ("fidelity", "survival", "threshold")
"""The kinds of pictures that a page has: those of numbers alone."""


@dataclass(frozen=True)
class Published:
    """What a page is of.

    Attributes:
        source: The run folder or the file of the entry.
        folder: The folder of its pages, below that of the board, with / between its parts.
        method: Who sent it in; None for a run.
        entry: What else was sent in; None for a run.
        numbers: The run.
        board: Its score, ranked.
    """

    source: Path
    folder: str
    method: str | None
    entry: Entry | None
    numbers: RunNumbers
    board: Leaderboard


TABLES: dict[str, Callable[[Published], str]] = {
    "score.csv": lambda one: as_csv(_score(one)),
    "score.tex": lambda one: as_latex(_score(one), one.board.identity),
}
"""The tables beside a page, by the names of their files."""


def _score(one: Published) -> ScoreTable:
    return ScoreTable(rows=list(one.board.rows))


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
    about: str
    svg: Markup


@dataclass(frozen=True)
class _Line:
    """A row of the index: what was measured at each place, and the mean."""

    name: str
    cells: list[str]
    rank: str


def write_site(published: Sequence[Published], out: Path) -> list[Path]:
    """Write ``index.html`` of the board, and in the folder of each of its pages ``index.html`` and its table for other programs.

    Args:
        published: What is shown, in the order of the index.
        out: The folder of the board.

    Returns:
        The paths written.

    Raises:
        UserError: A page cannot be written.
    """
    written = []
    with tempfile.TemporaryDirectory() as scratch:
        written.append(write_page(out / "index.html", _index(published, Path(scratch) / "index")))
        for place, one in enumerate(published):
            written.append(write_page(out / one.folder / "index.html", _page(one, out, Path(scratch) / str(place))))
            for name, as_text in TABLES.items():
                written.append(write_page(out / one.folder / name, as_text(one)))
    return written


def _index(published: Sequence[Published], scratch: Path) -> str:
    table = standings((one.method or "run", one.board) for one in published)
    drawn = draw_collapse([(_name(one), one.numbers) for one in published], scratch, BASELINE)
    return _render(
        "index.html.j2",
        headings=[" ".join(filter(None, (place.suite, place.regime))) for place in table.places],
        lines=_lines(table),
        published=published,
        curves=None if drawn is None else _figure(drawn, "collapse", CURVES),
    )


def _name(one: Published) -> str:
    return one.board.identity if one.method is None else f"{one.board.identity}, {one.method}"


def _lines(table: Standings) -> list[_Line]:
    return [
        _Line(
            f"{row.method}: {row.objective}",
            ["; ".join(map(_measured, cell)) for cell in row.cells] + [tables.estimate(row.geometric_mean)],
            tables.NONE if row.first is None else f"{row.first}" if row.first == row.last else f"{row.first}–{row.last}",
        )
        for row in table.rows
    ]


def _measured(one: Measured) -> str:
    return tables.estimate(one.ratio)


def _page(one: Published, out: Path, scratch: Path) -> str:
    numbers, board = one.numbers, one.board
    drawn = draw_numbers(numbers, scratch) if any(row.fidelity_interval for row in board.rows) else []
    pictures = sorted(drawn, key=lambda picture: picture.group.is_control)
    rows = sorted(board.rows, key=lambda row: is_control(row.strategy))  # controls come last
    groups = [list(group) for _, group in groupby(rows, key=lambda row: (row.modality, row.model, row.regime, row.strategy))]
    return _render(
        "board.html.j2",
        one=one,
        board=board,
        summary=(numbers.suite.model_extra or {}).get("summary"),
        blocks=in_blocks(_score(one), BASELINE, board.identity),
        protocol=_protocol(numbers),
        tables=[_table(group) for group in groups],
        figures=[(HEADINGS[kind], KINDS[kind], _figures(pictures, kind)) for kind in PLOTS],
        costs=costs_of(numbers, BASELINE),
        download=_download(one, out),
        up=os.path.relpath(".", one.folder),
    )


def _figures(pictures: Sequence[Picture], kind: str) -> list[_Figure]:
    return [_figure(picture, f"{kind}-{place}") for place, picture in enumerate(pictures) if picture.kind == kind]


def _download(one: Published, out: Path) -> str | None:
    """Return the address of the entry's file, from its page, where it lies below the board's folder."""
    if one.entry is None or not one.source.absolute().is_relative_to(out.absolute()):
        return None
    return os.path.relpath(one.source.absolute(), (out / one.folder).absolute())


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


def _figure(picture: Picture, name: str, about: str | None = None) -> _Figure:
    title = " · ".join(filter(None, (picture.group.regime, picture.group.strategy, picture.metric)))
    description = f"{about or KINDS[picture.kind]} Lines: {', '.join(picture.objectives)}."
    return _Figure(title, about or "", inline_svg(picture.svg, name, title or "Collapse", description))


def _render(template: str, **content: object) -> str:
    templates = environment("fortifai.leaderboard", "fortifai.report")
    script = templates.get_template("table.js.j2").render()
    return templates.get_template(template).render(policy=policy(script), script=Markup(script), **content)
