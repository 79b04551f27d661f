"""Runs and entries to leaderboard pages. The same numbers give the same bytes: nothing here knows the time or the machine."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from fortifai.errors import UserError
from fortifai.leaderboard.badge import badges
from fortifai.leaderboard.board_page import placed
from fortifai.leaderboard.published import Made, Published, made_of
from fortifai.leaderboard.site import RUN, index, standings_of
from fortifai.records.entry import ENDING
from fortifai.records.entry_file import is_entry
from fortifai.records.layout import SUITE_FILE
from fortifai.report.markdown import write_page
from fortifai.sanitise import is_exploration

NOT_PUBLISHED = "is of explore seeds, which settings are chosen on; a published table rests on the suite's other seeds"


def build(sources: Path, out: Path, remark: Callable[[str], None] = lambda text: None, *, workers: int = 1) -> list[Path]:
    """Write the board: ``index.html`` across suites, and a folder ``<suite>@<version>`` for every run and every entry.

    The folder has ``index.html``, ``README.md``, ``leaderboard.json``, ``score.csv``, ``score.tex`` and ``badge.svg``;
    where a suite has several entries, each has a folder of its method's name below it.

    A run is read as the numbers that its entry would hold, so that both give the same bytes. Nothing of an entry is run, and no
    score that it claims is read. What was computed of an entry is kept in the cache, by the hash of its file. Runs of explore
    seeds are left out.

    Args:
        sources: A folder of run folders and entries, or one of these.
        out: The folder of the board.
        remark: Called with what was left out, and why.
        workers: Processes that compute what is not in the cache; the pages do not depend on it.

    Returns:
        The paths written.

    Raises:
        UserError: When there is none, one cannot be read or scored, two are of one suite and method, or the pages cannot be
            written; then no page is half written.
    """
    sources, out = Path(sources), Path(out)
    published = list(_published(_sources(sources), remark, workers))
    if not published:
        raise UserError(f"{sources}: {NOT_PUBLISHED}")
    table = standings_of(published)
    written = [write_page(out / "index.html", index(published, table))]
    badge = badges(table, [one.made.method or RUN for one in published])
    for one in published:
        for name, text in one.made.files.items():
            written.append(write_page(out / one.folder / name, placed(text, one.folder, _download(one, out))))
        written.append(write_page(out / one.folder / "badge.svg", badge[one.made.method or RUN]))
    return written


def _published(sources: Sequence[Path], remark: Callable[[str], None], workers: int) -> Iterator[Published]:
    """Yield what is published: alone of its suite in the suite's folder, beside others in one of its method's name below that."""
    shown: list[tuple[Path, Made]] = []
    for source, made in zip(sources, made_of(sources, workers), strict=True):
        if is_exploration(made.board.identity):
            remark(f"{source}: left out: it {NOT_PUBLISHED}")
        else:
            shown.append((source, made))
    alike = Counter(made.board.identity for _, made in shown)
    places: dict[str, Path] = {}
    for source, made in shown:
        identity = made.board.identity
        folder = identity if alike[identity] == 1 else f"{identity}/{made.method or RUN}"
        if folder in places:
            raise UserError(f"{places[folder]} and {source} are both runs of {identity}; build them one at a time")
        places[folder] = source
        yield Published(source, folder, made)


def _download(one: Published, out: Path) -> str | None:
    """Return the address of the entry's file, from its page, where it lies below the board's folder."""
    path = one.source.absolute()
    if one.made.method is None or not path.is_relative_to(out.absolute()):
        return None
    return os.path.relpath(path, (out / one.folder).absolute())


def _sources(path: Path) -> list[Path]:
    if is_entry(path) or (path / SUITE_FILE).is_file():
        return [path]
    runs = [file.parent for file in path.glob(f"[!.]*/{SUITE_FILE}")]
    sources = sorted([*runs, *(file for file in path.glob(f"[!.]*{ENDING}") if is_entry(file))])
    if not sources:
        raise UserError(
            f"{path}: no run in it, and no entry: expected folders with a {SUITE_FILE}, as `fortifai run ... --out {path}` "
            f"writes, or files that end in {ENDING}, as `fortifai leaderboard submit` does"
        )
    return sources
