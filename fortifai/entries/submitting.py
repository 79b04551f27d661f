"""`fortifai leaderboard submit`: a run folder becomes one file."""

from pathlib import Path

from fortifai.entries.suite import is_shipped, missing_of, suite_of
from fortifai.errors import UserError
from fortifai.leaderboard.build import NOT_PUBLISHED
from fortifai.leaderboard.submission import make_entry
from fortifai.records.entry import Entry, Submission
from fortifai.records.entry_file import write_entry
from fortifai.records.run_numbers import numbers_of
from fortifai.report.plug_ins import code_used
from fortifai.sanitise import is_exploration


def submit(run: Path, submission: Submission, out: Path | None = None) -> tuple[Path, Entry]:
    """Write the entry of a run, and return its file and itself.

    Args:
        run: The run folder.
        submission: Who sends in what.
        out: The file, or a folder for it, which is made where it is missing; None: the current folder.

    Raises:
        UserError: The run is damaged, of explore seeds or cannot be scored, or the file is there already.
    """
    numbers = numbers_of(run)
    if not numbers.chains:
        raise UserError(f"{run}: no chains in it yet; run the suite first")
    if is_exploration(numbers.suite.identity):
        raise UserError(f"{run}: {NOT_PUBLISHED}")
    own = not is_shipped(numbers)
    partial = bool(numbers.missing) or any(missing_of(numbers, suite_of(numbers, own=own)))
    plug_ins, absent = code_used(numbers)
    if absent:
        raise UserError(f"{run}: {absent[0]} is not installed here: make the entry where the run was made")
    entry = make_entry(numbers, submission, plug_ins, own_suite=own, partial=partial)
    path = Path() if out is None else out
    if path.is_dir() or not path.suffix:
        path /= entry.file_name
    if path.name != entry.file_name:
        raise UserError(f"{path}: this entry has to be called {entry.file_name}; --out takes a folder too")
    write_entry(path, entry)
    return path, entry
