"""One chain as it lies on disk: what it is, its records, and where it stands. Imports neither torch nor pandas."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from fortifai.config import explain
from fortifai.errors import UserError
from fortifai.records.layout import CHAIN_FILE, EXAMPLES, FAILURE_FILE, RECORDS_FILE
from fortifai.records.schema import ChainRecord, GenerationRecord, NullRecord, SuiteRecord

ChainState = Literal["pending", "partial", "done", "diverged", "failed"]


@dataclass(frozen=True)
class Progress:
    """Where a chain stands: its state, and how many generations are recorded."""

    state: ChainState
    finished: int


def find_example(folder: Path, name: str) -> Path | None:
    """Return the file, whatever its ending, in which a chain's folder shows a generation or real data; None if there is none.

    Args:
        folder: The chain's folder.
        name: `generation_name` or `REAL_EXAMPLE`.
    """
    return min((folder / EXAMPLES).glob(f"{name}.*"), default=None)


def read_chain(folder: Path) -> ChainRecord | None:
    """Return what a chain's folder says it is, or None before it was started. Raises UserError for a file that is damaged."""
    return ChainRecord.load(folder / CHAIN_FILE) if (folder / CHAIN_FILE).exists() else None


def read_chains(run: Path) -> list[ChainRecord]:
    """Return what every chain of a run is, ordered by id. Raises UserError for a file that is damaged."""
    return [ChainRecord.load(path) for path in sorted(run.glob(f"*/{CHAIN_FILE}"))]


def read_records(folder: Path) -> list[GenerationRecord]:
    """Return the records of a chain's finished generations; no file is no records, and a last line torn by a kill is left out.

    Raises:
        UserError: Any other line is not a record, or generations are not 0, 1, 2 ...
    """
    path = folder / RECORDS_FILE
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    records = []
    for number, line in enumerate(lines[:-1], start=1):  # behind the last newline is nothing, or what a kill left
        try:
            records.append(GenerationRecord.model_validate(json.loads(line)))
        except ValidationError as error:
            raise UserError(f"{path}, line {number}: {'; '.join(explain(error))}") from None
        except ValueError as error:
            if number == len(lines) - 1:
                break
            raise UserError(f"{path}, line {number}: not JSON: {error}") from None
        if records[-1].generation != number - 1:
            raise UserError(f"{path}, line {number}: generation {records[-1].generation} where {number - 1} belongs")
    return records


def progress_of(folder: Path, horizon: int, records: list[GenerationRecord]) -> Progress:
    """Return where a chain stands.

    Args:
        folder: The chain's folder.
        horizon: The last generation that is asked for.
        records: Its finished generations.
    """
    if records and records[-1].status == "diverged":
        return Progress("diverged", len(records))
    if (folder / FAILURE_FILE).exists():
        return Progress("failed", len(records))
    if len(records) > horizon:
        return Progress("done", len(records))
    return Progress("partial" if records else "pending", len(records))


def read_suite(run: Path) -> SuiteRecord:
    """Return which suite a run folder belongs to. Raises UserError if it is not a run folder."""
    if not (run / "suite.json").is_file():
        inside = sorted(child.name for child in run.iterdir() if (child / "suite.json").is_file()) if run.is_dir() else []
        hint = f"; did you mean {' or '.join(str(run / name) for name in inside)}?" if inside else ""
        raise UserError(f"{run}: not a run folder: expected a suite.json in it, as `fortifai run` writes{hint}")
    return SuiteRecord.load(run / "suite.json")


def read_nulls(run: Path) -> list[NullRecord]:
    """Return the nulls of a run, ordered by regime."""
    return sorted((NullRecord.load(path) for path in (run / "nulls").glob("*.json")), key=lambda null: null.regime)
