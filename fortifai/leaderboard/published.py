"""What is published of one run or entry: its files, and what the index shows of it; of an entry, computed once for all builds."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from pydantic import Field

from fortifai.fidelity.rule import BASELINE
from fortifai.fidelity.trajectories.source import load
from fortifai.files import is_regular
from fortifai.leaderboard.board_page import files_of
from fortifai.leaderboard.kept import keep, kept, key_of
from fortifai.leaderboard.ranking import rank
from fortifai.leaderboard.schema import Leaderboard
from fortifai.records.entry import Entry, Provenance
from fortifai.records.entry_file import MOST_BYTES, is_entry, read_entry
from fortifai.records.numbers import RunNumbers
from fortifai.records.run_numbers import numbers_of
from fortifai.report.collapse import Curve, curves_of
from fortifai.report.commands import commands_of
from fortifai.report.plug_ins import CodeUsed, code_used
from fortifai.storage import Stored

WORTH_WORKERS = 32
"""So many entries take longer to compute than a process to start."""


class BaselineCurve(Stored):
    """How the baseline of a run collapses, under one regime and strategy."""

    name: str = Field(description="the regime and the strategy")
    chains: int = Field(description="how many chains of it were run")
    fidelity: list[float | None] = Field(description="their median, from generation 0 on; null once half of them have diverged")

    def curve(self) -> Curve:
        """Return it as it is drawn."""
        values = [-np.inf if value is None else value for value in self.fidelity]
        return Curve(self.name, self.chains, np.array(values))


class Made(Stored):
    """What the board shows of a run or an entry, wherever its pages are."""

    method: str | None = Field(description="who sent it in; null for a run")
    provenance: Provenance | None = Field(description="who computed it; null for a run")
    marks: list[str] = Field(description="what a reader has to know of it")
    chains: int = Field(description="how many chains it has, control chains too")
    board: Leaderboard = Field(description="its score, ranked")
    curves: list[BaselineCurve] = Field(description="how its baseline collapses")
    files: dict[str, str] = Field(description="its page and what lies beside it, by the names of the files")


@dataclass(frozen=True)
class Published:
    """What was made, and where its pages are.

    Attributes:
        source: The run folder, or the file of the entry.
        folder: The folder of the pages, below that of the board, with / between its parts.
        made: What is on them.
    """

    source: Path
    folder: str
    made: Made

    @property
    def name(self) -> str:
        """What the board calls it."""
        return ", ".join(filter(None, (self.made.board.identity, self.made.method)))


def made_of(sources: Sequence[Path], workers: int = 1) -> list[Made]:
    """Return what the board shows of run folders and files of entries, in their order.

    No score that an entry claims is read. What was computed of the same bytes by the same code is taken from the cache.

    Args:
        sources: The folders and files.
        workers: Processes that compute what is not in the cache, where there is enough of it.

    Raises:
        UserError: One cannot be read or scored.
    """
    made = {source: known for source in sources if (known := _kept(source)) is not None}
    missing = [source for source in sources if source not in made]
    if workers > 1 and len(missing) >= WORTH_WORKERS:
        with ProcessPoolExecutor(min(workers, len(missing)), mp_context=get_context("spawn")) as pool:
            made.update(zip(missing, pool.map(_made, missing, chunksize=4), strict=True))
    else:
        made.update((source, _made(source)) for source in missing)
    return [made[source] for source in sources]


def _kept(source: Path) -> Made | None:
    """Return what was computed of an entry by an earlier build, or None."""
    digest = _digest(source)
    text = None if digest is None else kept(key_of(digest))
    return None if text is None else Made.model_validate_json(text)


def _made(source: Path) -> Made:
    if not is_entry(source):
        return _make(numbers_of(source), None)
    digest = _digest(source)
    entry = read_entry(source)
    made = _make(entry.numbers, entry)
    if digest is not None and _digest(source) == digest:  # nobody has replaced the file meanwhile
        keep(key_of(digest), made.model_dump_json())
    return made


def _make(numbers: RunNumbers, entry: Entry | None) -> Made:
    loaded = load(numbers, None, BASELINE, None, None)
    used = CodeUsed(entry.plug_ins, []) if entry else code_used(numbers)
    board = rank(numbers, commands_of(numbers, *used), loaded)
    marks = entry.marks.model_dump() if entry else {}
    curves = curves_of(loaded, sorted({chain.fidelity_metric for chain in numbers.chains}), BASELINE)
    return Made(
        method=entry.submission.method if entry else None,
        provenance=entry.submission.provenance if entry else None,
        marks=[name.replace("_", " ") for name, is_so in marks.items() if is_so],
        chains=len(numbers.chains),
        board=board,
        curves=[
            BaselineCurve(name=curve.name, chains=curve.chains, fidelity=_finite(curve.fidelity.tolist())) for curve in curves
        ],
        files=files_of(numbers, entry, loaded, board),
    )


def _digest(path: Path) -> str | None:
    """Return the SHA-256 of an entry's file; None of a run, and of what no entry can be in, which is refused when it is read."""
    try:
        if is_entry(path) and is_regular(path) and path.stat().st_size <= MOST_BYTES:
            return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        pass
    return None


def _finite(values: Sequence[float]) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values]
