"""One run as it lies on disk: what it is, its chains, their records, and where each stands. Imports neither torch nor pandas."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from fortifai.config import explain
from fortifai.errors import UserError
from fortifai.files import is_regular
from fortifai.records.hashing import unseal
from fortifai.records.layout import (
    CHAIN_FILE,
    EXAMPLES,
    FAILURE_FILE,
    GENERATION_0,
    MANIFEST_FILE,
    NULLS,
    RECORDS_FILE,
    SUITE_FILE,
)
from fortifai.records.schema import ChainRecord, GenerationRecord, Manifest, NullRecord, SuiteDescription, SuiteRecord
from fortifai.sanitise import NAME_RULE, is_name, run_name

_KEY = re.compile("[0-9a-f]{16}")

ChainState = Literal["pending", "partial", "done", "diverged", "failed", "damaged"]
"""Where a chain stands. ``damaged``: its records are not whole; the next run sets the damage aside and computes it anew."""


@dataclass(frozen=True)
class Recorded:
    """What a chain's file of records holds.

    Attributes:
        records: The leading records that are whole.
        damage: What is wrong with the line behind them, which no kill explains; None where nothing is.
    """

    records: list[GenerationRecord]
    damage: str | None = None


@dataclass(frozen=True)
class Progress:
    """Where a chain stands: its state, and how many generations are recorded."""

    state: ChainState
    finished: int


def read_suite(run: Path) -> SuiteRecord:
    """Return which suite a run folder belongs to.

    Raises:
        UserError: It is not a run folder, or its suite calls itself something else than its name, version and settings make it.
    """
    if not is_regular(run / SUITE_FILE):
        inside = runs_in(run)
        hint = f"; did you mean {' or '.join(map(str, inside))}?" if inside else ""
        raise UserError(f"{run}: not a run folder: expected a {SUITE_FILE} in it, as `fortifai run` writes{hint}")
    record = SuiteRecord.load(run / SUITE_FILE)
    require_identity(run / SUITE_FILE, record.suite)
    return record


def runs_in(folder: Path) -> list[Path]:
    """Return the run folders that lie in a folder, by name; none where it is a run folder itself."""
    if not folder.is_dir() or is_regular(folder / SUITE_FILE):
        return []
    return sorted(child for child in folder.iterdir() if is_regular(child / SUITE_FILE))


def require_identity(path: Path, suite: SuiteDescription) -> None:
    """Raise UserError unless a suite is what it calls itself, which names folders and pages."""
    if not (is_name(suite.name) and is_name(str(suite.version))):
        raise UserError(f"{path}: name {suite.name!r}, version {suite.version!r}: should be {NAME_RULE}")
    identity = run_name(suite.name, suite.version, suite.overrides)
    if suite.identity != identity:
        raise UserError(f"{path}: identity is {suite.identity!r}, and name, version and overrides say {identity!r}")


def read_nulls(run: Path) -> list[NullRecord]:
    """Return the nulls of a run, ordered by regime. Raises UserError for a file that is damaged."""
    return sorted((NullRecord.load(path) for path in (run / NULLS).glob("*.json")), key=lambda null: null.regime)


def read_manifest(run: Path) -> Manifest | None:
    """Return the chains that a run should have, or None for a run that says nothing of them. Raises UserError."""
    return Manifest.load(run / MANIFEST_FILE) if (run / MANIFEST_FILE).exists() else None


def chain_folders(run: Path) -> list[Path]:
    """Return the folders of a run's chains, ordered by id; links to folders elsewhere are none."""
    return sorted(path.parent for path in run.glob(f"*/{CHAIN_FILE}") if not path.parent.is_symlink())


def shared_folders(run: Path) -> list[Path]:
    """Return the folders of the generations 0 that a run's chains share, ordered by key; not what was set aside of them."""
    folder = run / GENERATION_0
    if not folder.is_dir() or folder.is_symlink():
        return []
    return sorted(path for path in folder.iterdir() if _KEY.fullmatch(path.name))


def read_chains(run: Path) -> list[ChainRecord]:
    """Return what every chain of a run is, ordered by id. Raises UserError for a file that is damaged."""
    return [ChainRecord.load(folder / CHAIN_FILE) for folder in chain_folders(run)]


def read_chain(folder: Path) -> ChainRecord | None:
    """Return what a chain's folder says it is, or None where there is nothing that can be read."""
    try:
        return ChainRecord.load(folder / CHAIN_FILE)
    except UserError:
        return None


def read_records(folder: Path, chain: ChainRecord) -> list[GenerationRecord]:
    """Return the records of a chain's finished generations.

    Args:
        folder: The chain's folder.
        chain: What it is.

    Raises:
        UserError: A line is not the record that was written, or generations are not 0, 1, 2 ...
    """
    recorded = read_recorded(folder, chain)
    if recorded.damage is not None:
        raise UserError(f"{folder / RECORDS_FILE}, {recorded.damage}")
    return recorded.records


def read_recorded(folder: Path, chain: ChainRecord) -> Recorded:
    """Return the leading records of a chain that are whole, and what is wrong behind them.

    No file is no records, and a last line torn by a kill is left out without a word.

    Args:
        folder: The chain's folder.
        chain: What it is: its version says whether lines carry hashes, its id is what the first one is chained to.
    """
    path = folder / RECORDS_FILE
    if not path.exists() and not path.is_symlink():
        return Recorded([])
    if not is_regular(path):
        return Recorded([], "which is not a regular file")
    lines = path.read_bytes().split(b"\n")
    records: list[GenerationRecord] = []
    previous: str | None = chain.id
    for number, line in enumerate(lines[:-1], start=1):  # behind the last newline is nothing, or what a kill left
        try:
            record = GenerationRecord.model_validate(json.loads(line))
        except (ValidationError, ValueError, RecursionError) as error:
            if number == len(lines) - 1 and not isinstance(error, ValidationError) and not chain.has_hashes:
                break  # as a kill may have left it before lines were written at once
            reason = "; ".join(explain(error)) if isinstance(error, ValidationError) else f"not JSON: {error}"
            return Recorded(records, f"line {number}: {reason}")
        if chain.has_hashes:
            previous = unseal(line, previous or "")
            if previous is None:
                return Recorded(records, f"line {number}: its hash does not fit its content and the lines before it")
        if record.generation != number - 1:
            return Recorded(records, f"line {number}: generation {record.generation} where {number - 1} belongs")
        if records and records[-1].status == "diverged":
            return Recorded(records, f"line {number}: a generation after the chain diverged")
        records.append(record)
    return Recorded(records)


def find_example(folder: Path, name: str) -> Path | None:
    """Return the file, whatever its ending, in which a chain's folder shows a generation or real data; None if there is none.

    Only regular files in the folder itself count: nothing that a link leads to is ever shown.

    Args:
        folder: The chain's folder.
        name: `generation_name` or `REAL_EXAMPLE`.
    """
    if (folder / EXAMPLES).is_symlink():
        return None
    return min((path for path in (folder / EXAMPLES).glob(f"{name}.*") if is_regular(path)), default=None)


def find_sound(folder: Path, name: str) -> Path | None:
    """Return the WAV file in which a chain's folder lets a generation or real data be heard; None if there is none.

    Args:
        folder: The chain's folder.
        name: `generation_name` or `REAL_EXAMPLE`.
    """
    path = folder / EXAMPLES / f"{name}.wav"
    return path if not path.parent.is_symlink() and is_regular(path) else None


def progress_of(folder: Path, horizon: int, recorded: Recorded) -> Progress:
    """Return where a chain stands.

    Args:
        folder: The chain's folder.
        horizon: The last generation that is asked for.
        recorded: What its file of records holds.
    """
    records = recorded.records
    if recorded.damage is not None:
        return Progress("damaged", len(records))
    if records and records[-1].status == "diverged":
        return Progress("diverged", len(records))
    if len(records) > horizon:
        return Progress("done", len(records))  # whatever failed came behind the last generation, such as its picture
    if (folder / FAILURE_FILE).exists():
        return Progress("failed", len(records))
    return Progress("partial" if records else "pending", len(records))
