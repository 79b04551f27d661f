"""Files of records, as data sets come in: JSON lines or parquet, of which some columns are read."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fortifai.errors import UserError

from .reading import read_decoded

Record = dict[str, Any]


def read_records(file: Path, columns: Sequence[str]) -> list[Record]:
    """Return the records of a file, each reduced to some columns.

    Args:
        file: JSON lines in UTF-8, or parquet where its name ends so.
        columns: What every record must have.

    Raises:
        UserError: The file is missing, unreadable or empty, or a record lacks a column.
    """
    if not file.is_file():
        raise UserError(f"no file {str(file)!r}")
    records = _of_parquet(file, columns) if file.suffix == ".parquet" else _of_lines(file, columns)
    if not records:
        raise UserError(f"{file} has no records")
    return records


def read_column(files: Sequence[Path], column: str) -> list[str]:
    """Return a column of texts of parquet files, in order; empty texts where there are none. Raises UserError."""
    return [record[column] or "" for file in files for record in _of_parquet(file, (column,))]


def _of_parquet(file: Path, columns: Sequence[str]) -> list[Record]:
    try:
        table = pq.read_table(file)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{file} cannot be read as parquet: {error}") from None
    for column in columns:
        if column not in table.column_names:
            raise UserError(f"{file} has no column {column!r}; it has {', '.join(table.column_names)}")
    records: list[Record] = table.select(list(columns)).to_pylist()
    return records


def _of_lines(file: Path, columns: Sequence[str]) -> list[Record]:
    records = []
    for number, line in enumerate(read_decoded(file, "utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{file}: line {number} is not JSON: {error.msg}") from None
        if not isinstance(record, dict) or any(column not in record for column in columns):
            raise UserError(f"{file}: line {number} should be a record with {', '.join(columns)}")
        records.append({column: record[column] for column in columns})
    return records
