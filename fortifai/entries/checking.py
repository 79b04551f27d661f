"""`fortifai leaderboard check`: whether entries may stand, by everything that can be computed from them."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fortifai.entries.rerun import Rerun, choose, rerun
from fortifai.entries.standing import Fingerprint, Known, Moments, Start, fingerprint, replaced_faults, start_faults
from fortifai.entries.suite import identity_faults, missing_of, selection_faults, suite_faults, suite_of
from fortifai.entries.values import value_faults
from fortifai.errors import UserError
from fortifai.leaderboard.submission import is_dirty, score_of, suite_hash
from fortifai.planning.suite import Suite
from fortifai.records.entry import ENDING, Entry
from fortifai.records.entry_file import is_entry, read_entry
from fortifai.records.entry_verification import verify_entry
from fortifai.report.commands import commands_of

SAME_SCORE = 1e-9
"""Relative. Scores that differ by less were computed by another version of a library."""

MOST_TOLD = 20
"""Faults of one kind that are told of one entry."""


@dataclass(frozen=True)
class Reproduction:
    """How many chains are run again, by how many workers, and what they may differ by (None: see `rerun`).

    ``salt`` decides which ones together with the entry, so that whoever sends it in cannot know.
    """

    chains: int = 0
    workers: int = 1
    tolerance: float | None = None
    salt: str = ""


@dataclass
class Checked:
    """What came out for one file.

    Attributes:
        file: Which one.
        faults: Why it may not stand.
        unreadable: Whether it is not an entry at all.
        digest: A hash over all chains, the same that `fortifai verify` says of the run.
        reruns: The chains that were run again.
    """

    file: Path
    faults: list[str] = field(default_factory=list)
    unreadable: bool = False
    digest: str | None = None
    reruns: list[Rerun] = field(default_factory=list)


class _Folder:
    """The entries that stand in a folder, each read once, by the names of their files.

    Attributes:
        known: All that can be read.
        one: The same, by name.
        unreadable: Why the others cannot be.
    """

    def __init__(self, path: Path) -> None:
        self.known = Known()
        self.one: dict[str, Fingerprint] = {}
        self.unreadable: dict[str, str] = {}
        for file in filter(is_entry, _files(path)):
            try:
                self.one[file.name] = fingerprint(file, read_entry(file))
            except UserError as error:
                self.unreadable[file.name] = f"what stands there cannot be read: {error}"
            else:
                self.known.add(self.one[file.name])


class _Beside:
    """What entries are held against: those that stand in a folder, and those of other folders that were checked before."""

    def __init__(self) -> None:
        self._folders: dict[Path, _Folder] = {}
        self._checked = Known()
        self._of_parent: dict[Path, Known] = defaultdict(Known)

    def folder(self, path: Path) -> _Folder:
        """Return the entries that stand in a folder."""
        if path not in self._folders:
            self._folders[path] = _Folder(path)
        return self._folders[path]

    def faults(self, one: Fingerprint, folder: _Folder) -> list[str]:
        """Return what is wrong with an entry beside others; from now on, others are held against it.

        Args:
            one: The entry.
            folder: Those that stand; it, and a copy of it under its name, is not held against itself.
        """
        parent = one.file.parent
        itself, siblings = folder.one.get(one.file.name), self._of_parent[parent]

        def stand(key: Start) -> Moments:
            elsewhere = self._checked.starts(key).minus(siblings.starts(key))
            return folder.known.starts(key, itself).plus(elsewhere)

        found = [
            *folder.known.duplicate_faults(one, lambda file: itself is not None and file == itself.file),
            *self._checked.duplicate_faults(one, lambda file: file.parent == parent),
            *start_faults(one, stand),
        ]
        self._checked.add(one)
        siblings.add(one)
        return found


def check(
    paths: Sequence[Path],
    *,
    standing: Path | None = None,
    suite: str | None = None,
    reproduction: Reproduction | None = None,
) -> list[Checked]:
    """Check entries.

    Args:
        paths: Files, and folders whose entries are all checked.
        standing: The folder of the entries that stand, which are not checked again; None: the one that each file is in.
        suite: Name or file of the suite that they have to be of; None: the one that comes with fortifai under the name that they
            say, or the one that an entry of its own suite describes.
        reproduction: What of them is run again; None: nothing.

    Raises:
        UserError: There is no such folder, or an entry whose suite nobody vouches for was to be run again.
    """
    files = [file for path in paths for file in _files(path)]
    if not files:
        raise UserError(f"{', '.join(map(str, paths))}: no entry in it; the name of one ends in {ENDING}")
    if standing is not None and not standing.is_dir():
        raise UserError(f"{standing}: no such folder")
    results, beside = [], _Beside()
    for file in files:
        checked = Checked(file)
        results.append(checked)
        try:
            entry = read_entry(file)
        except UserError as error:
            checked.faults, checked.unreadable = [str(error).removeprefix(f"{file}: ")], True
            continue
        if standing is not None and _stands(file, standing):
            continue
        checked.digest = verify_entry(entry).digest
        folder = beside.folder(standing or file.parent)
        checked.faults += [fault for name, fault in folder.unreadable.items() if name != file.name]
        checked.faults += _told(entry, file, standing, suite)
        checked.faults += beside.faults(fingerprint(file, entry), folder)
        if reproduction is not None and reproduction.chains and not checked.faults:
            _run_again(entry, checked, suite, reproduction)
    if standing is not None:
        results += [_gone(path, standing) for path in paths if path.is_dir() and not path.samefile(standing)]
    return [result for result in results if result.faults or not result.file.is_dir()]


def entry_faults(entry: Entry, suite: str | None = None) -> Iterator[str]:
    """Yield everything that is wrong with an entry by itself.

    Args:
        entry: The entry.
        suite: Name or file of the suite that it has to be of.
    """
    numbers, marks = entry.numbers, entry.marks
    yield from (f"{finding.kind}: {finding}" for finding in verify_entry(entry).findings if finding.kind != "missing")
    if suite_hash(numbers.suite.model_dump(mode="json")) != entry.suite_sha256:
        yield "suite_sha256 is not the hash of the suite that it holds"
    if entry.commands != commands_of(numbers, entry.plug_ins):
        yield "its commands are not those that compute its chains again"
    yield from _score_faults(entry)
    try:
        known = suite_of(numbers, own=marks.own_suite, named=suite)
    except UserError as error:
        yield str(error)
        return
    yield from suite_faults(numbers, known, own=marks.own_suite)
    yield from identity_faults(numbers, known)
    yield from selection_faults(numbers, known)
    yield from value_faults(numbers, known)
    yield from _unmarked(entry, known)


def _unmarked(entry: Entry, suite: Suite) -> Iterator[str]:
    missing = [*entry.numbers.missing, *missing_of(entry.numbers, suite)]
    if missing and not entry.marks.partial:
        more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        yield f"it is partial and does not say so: without {missing[0]}{more}"
    if is_dirty(entry.numbers, entry.plug_ins) and not entry.marks.dirty:
        yield "it was run from sources with changes and does not say so"


def _score_faults(entry: Entry) -> Iterator[str]:
    """Yield where the score that is claimed is not the one of the trajectories."""
    try:
        computed = score_of(entry.numbers)
    except UserError as error:
        yield f"it cannot be scored: {error}"
        return
    claimed = entry.score
    if claimed.get("schema") != computed["schema"]:
        yield f"its score is of schema version {claimed.get('schema')}, and this fortifai computes version {computed['schema']}"
        return
    yield from (f"score, {where}: {said} is claimed, and {is_} computed" for where, said, is_ in _differing(claimed, computed))


def _differing(claimed: Any, computed: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(claimed, dict) and isinstance(computed, dict) and claimed.keys() == computed.keys():
        for key in computed:
            yield from _differing(claimed[key], computed[key], f"{where}.{key}" if where else key)
    elif isinstance(claimed, list) and isinstance(computed, list) and len(claimed) == len(computed):
        for place, (said, is_) in enumerate(zip(claimed, computed, strict=True)):
            yield from _differing(said, is_, f"{where}[{place}]")
    elif _is_number(claimed) and _is_number(computed):
        if not math.isclose(claimed, computed, rel_tol=SAME_SCORE, abs_tol=SAME_SCORE):
            yield where, claimed, computed
    elif claimed != computed or type(claimed) is not type(computed):
        yield where, _short(claimed), _short(computed)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def _told(entry: Entry, file: Path, standing: Path | None, suite: str | None) -> list[str]:
    faults = [] if file.name == entry.file_name else [f"it should be called {entry.file_name}"]
    if standing is not None:
        faults += replaced_faults(file, file.read_bytes(), standing)
    own = list(entry_faults(entry, suite))
    faults += own[:MOST_TOLD]
    if len(own) > MOST_TOLD:
        faults.append(f"and {len(own) - MOST_TOLD} more faults")
    return faults


def _stands(file: Path, standing: Path) -> bool:
    """Return whether a file is a copy of one that stands, byte for byte."""
    there = standing / file.name
    return there.is_file() and not there.samefile(file) and there.read_bytes() == file.read_bytes()


def _gone(path: Path, standing: Path) -> Checked:
    gone = sorted({file.name for file in standing.glob(f"*{ENDING}")} - {file.name for file in path.glob(f"*{ENDING}")})
    return Checked(path, [f"{name} stands and is gone: entries are only added" for name in gone])


def _files(path: Path) -> list[Path]:
    return sorted(path.glob(f"*{ENDING}")) if path.is_dir() else [path]


def _run_again(entry: Entry, checked: Checked, suite: str | None, asked: Reproduction) -> None:
    """Run some chains again, by a suite that comes with fortifai or that the user names: never by what an entry says."""
    if suite is None and (entry.marks.own_suite or entry.numbers.suite.overrides):
        what = "a suite of its own" if entry.marks.own_suite else "settings of its own"
        raise UserError(
            f"{checked.file}: has {what}, which could name any file of this machine; look at them, and run it again with "
            "--suite and the suite's name or file"
        )
    known = suite_of(entry.numbers, own=False, named=suite)
    chosen = choose(entry.numbers, asked.chains, asked.salt, entry.hash or "")
    checked.reruns = rerun(entry.numbers, chosen, known, workers=asked.workers, tolerance=asked.tolerance) if chosen else []
    for one in checked.reruns:
        if not one.agrees:
            checked.faults.append(
                f"{one.chain}, run again, differs by {one.difference:.2g} in {one.where}, and may by {one.tolerance:g} (relative)"
            )
