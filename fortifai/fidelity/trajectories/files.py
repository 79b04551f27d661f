"""Files of trajectories as people have them, read into raw tables of text: nothing is guessed, and every row knows its line.

What a file is shows in its first bytes: gzip, Parquet and JSON lines are recognised by them, everything else is read as fields
separated by commas, or by tabs where the name ends in ``.tsv`` or ``.tab``.
"""

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from fortifai.errors import UserError
from fortifai.fidelity.trajectories.frames import from_arrow, numbers_of
from fortifai.fidelity.trajectories.table import Coder, Column, Table, as_objects

if TYPE_CHECKING:
    import _csv

    import pyarrow as pa

STANDARD_INPUT = "standard input"
"""What messages call what came through a pipe."""

ENDINGS = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet")
"""Names of files that are read in a folder, also with ``.gz`` after them."""

QUOTING_HINT = '; a name with a comma in it has to be quoted, as in "tce-online:dimensions=7,gain=1"'
OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
NEVER_MISSING = ("objective", "generation", "metric", "value")

_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
AT_ONCE = 1_000_000
"""Bytes of a file that is worth waiting for pyarrow, which reads it at once."""

CHUNK = 1_000
"""Records that are read at a time: with 20 times as many it takes twice as long, as they no longer fit the processor's cache."""

_NUMBER = r"^[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?$"


def read_file(path: str | Path) -> Table:
    """Return a file as a table of text, as it is written, with the line of each row.

    A Parquet file keeps its types, and has rows instead of lines.

    Raises:
        UserError: Naming the line that is wrong, for a file that cannot be read.
    """
    path = Path(path)
    name = path.name.lower().removesuffix(".gz")
    return _read(path, str(path), "\t" if name.endswith((".tsv", ".tab")) else ",")


def read_standard_input() -> Table:
    """Return what comes through a pipe as a table of text, as `read_file` does; tabs are recognised in its first line."""
    return _read(None, STANDARD_INPUT, None)


def tables_in(folder: Path) -> list[Path]:
    """Return the files of trajectories that lie in a folder, ordered by name; folders within it are not searched."""
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name.lower().removesuffix(".gz").endswith(ENDINGS))


def read_folder(folder: Path) -> Table:
    """Return the files of a folder as one table of text, with the file and the line of each row.

    Raises:
        UserError: When a file cannot be read, or has other columns than the first.
    """
    tables: list[Table] = []
    for path in tables_in(folder):
        table = read_file(path)
        if tables and {*table.columns} != {*tables[0].columns}:
            first, other = (", ".join(each.columns) for each in (tables[0], table))
            raise UserError(f"{path}: has the columns {other}, and the files before it {first}")
        tables.append(replace(table, places=as_objects([f"{path.name}, {table.place(row)}" for row in range(len(table))])))
    columns = {name: Column.of(np.concatenate([each.columns[name].cells for each in tables])) for name in tables[0].columns}
    return Table(columns, np.concatenate([table.places for table in tables]), str(folder))


def _read(path: Path | None, source: str, separator: str | None) -> Table:
    try:
        with _opened(path) as stream:
            start = stream.peek(4)
            if start.startswith(_PARQUET):
                return _parquet(stream, source)
            content = stream.read()
            if len(content) >= AT_ONCE and (table := _plain(content, source, separator)) is not None:
                return table
            with io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="") as text:
                if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
                    return _json_lines(_without_nul(text, source), source)
                return _delimited(text, source, separator)
    except UnicodeDecodeError as error:
        raise UserError(f"{source}: cannot be read as CSV: it is not UTF-8 text ({error.reason})") from None
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{source}: cannot be read: {error}") from None


@contextmanager
def _opened(path: Path | None) -> Iterator[io.BufferedReader]:
    """Open a file, or standard input for None, whether it is compressed by gzip or not."""
    with sys.stdin.buffer if path is None else path.open("rb") as opened:
        stream = cast(io.BufferedReader, opened)
        if stream.peek(2).startswith(_GZIP):
            stream = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=stream)))
        yield stream


def _parquet(stream: BinaryIO, source: str) -> Table:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(pa.BufferReader(stream.read())).read()  # read_table waits a second for pandas
    except (ValueError, OSError) as error:
        raise UserError(f"{source}: cannot be read as Parquet: {error}") from None
    return from_arrow(table, source)


def _plain(content: bytes, source: str, separator: str | None) -> Table | None:
    """Return the table of a file that holds nothing but fields and signs between them, or None for any other.

    This takes a quarter of the time of reading record by record, which is left for whatever has to be explained or forgiven:
    quotes, spaces after a sign, other ends of lines, empty lines, rows of another width.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    sign = b"," if separator in (None, ",") else b"\t"
    first, _, _ = content.partition(b"\n")
    special = (b'"', b"\0", b"\r", sign + b" ", b"\n ", b"\n\n")
    if first.startswith((b" ", b"{", b"\xef\xbb\xbf")) or sign not in first or any(each in content for each in special):
        return None
    try:
        header = first.decode().split(sign.decode())
        if len(named := [name for name in header if name.strip()]) > len(set(named)):
            return None
        columns = [name if name.strip() else f"\0{place}" for place, name in enumerate(header)]
        table = arrow_csv.read_csv(
            pa.BufferReader(content),
            arrow_csv.ReadOptions(column_names=columns, skip_rows=1, use_threads=False),
            arrow_csv.ParseOptions(delimiter=sign.decode(), quote_char=False, ignore_empty_lines=False),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False),
        )
    except (UnicodeDecodeError, pa.ArrowInvalid):
        return None
    fields: dict[str, Column] = {}
    for name in named:
        numbers = _numbers(table[name]) if name.strip().casefold() == "value" else None
        fields[name] = numbers or _texts(table[name])
        table = table.drop_columns([name])  # every copy of a large file counts
    return Table(fields, np.arange(2, 2 + table.num_rows), source, "line")


def _numbers(column: "pa.ChunkedArray") -> Column | None:
    """Return a column of plain numbers, each the nearest to what is written; None where one is missing or anything else."""
    import pyarrow as pa
    from pyarrow import compute

    if not compute.all(compute.match_substring_regex(column, _NUMBER)).as_py():
        return None
    try:
        return Column.of(numbers_of(column.cast(pa.float64())))
    except pa.ArrowInvalid:
        return None


def _texts(column: "pa.ChunkedArray") -> Column:
    encoded = column.combine_chunks().dictionary_encode()
    return Column(as_objects(encoded.dictionary.to_pylist()), np.from_dlpack(encoded.indices).astype(np.int64))


def _without_nul(lines: Iterator[str], source: str) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if "\0" in line:
            raise UserError(f"{source}, line {number}, character {line.index(chr(0)) + 1}: a NUL byte, so the file is damaged")
        yield line


def _delimited(text: Iterator[str], source: str, separator: str | None) -> Table:
    """Return a table of fields that are separated by a sign; None stands for tabs if the first line has them, else commas."""
    lines = _without_nul(text, source)
    heading, first = next(((number, line) for number, line in enumerate(lines, 1) if line.strip()), (0, ""))
    if not heading:
        raise UserError(f"{source}: cannot be read as CSV: it is empty")
    if separator is None:
        separator = "\t" if "\t" in first and "," not in first else ","
    (header,) = csv.reader([first], delimiter=separator, skipinitialspace=True)
    if len(header) == 1 and (other := next((name for sign, name in OTHER_SEPARATORS.items() if sign in first), None)):
        raise UserError(f"{source}: its columns are separated by {other}, and should be by commas")
    if doubled := [name for position, name in enumerate(header) if name.strip() and name in header[:position]]:
        raise UserError(f"{source}, line {heading}: the column {doubled[0]!r} is there twice")
    columns = [Coder() for _ in header]
    numbers: list[int] = []
    width = len(header)  # of the records: all of them may leave out columns at the end
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    numbered = _numbered(reader, heading)
    try:
        while chunk := list(islice(numbered, CHUNK)):
            chunk = [(number, record) for number, record in chunk if record and record != [""]]
            if chunk and not numbers:
                width = len(chunk[0][1])
            for number, record in chunk:
                if len(record) != width or width > len(header):
                    raise UserError(f"{source}, line {number}: {_miscounted(len(record), width, len(header))}")
            numbers += [number for number, _ in chunk]
            for column, fields in zip(columns, zip(*(record for _, record in chunk), strict=True), strict=False):
                column.add(fields)
    except csv.Error as error:
        raise UserError(f"{source}, line {heading + reader.line_num}: cannot be read as CSV: {error}") from None
    named = zip(header[:width], columns, strict=False)
    return Table({name: column.column() for name, column in named if name.strip()}, np.array(numbers), source, "line")


def _numbered(reader: "_csv.Reader", heading: int) -> Iterator[tuple[int, list[str]]]:
    """Yield every record with the line that it begins in."""
    start = heading + 1
    for record in reader:
        yield start, record
        start = heading + reader.line_num + 1


def _miscounted(fields: int, width: int, columns: int) -> str:
    if fields > columns:
        return f"more fields than the first line has columns ({fields} and {columns}){QUOTING_HINT}"
    if fields > width:
        return f"{fields} fields, and the rows before it have {width}"
    return f"the row is cut short: it has {fields} fields, and the rows before it have {width}"


def _json_lines(lines: Iterator[str], source: str) -> Table:
    """Return a table of one JSON object a line; a number keeps the digits that it is written with."""
    records: list[dict[str, str]] = []
    numbers: list[int] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            content = json.loads(line, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_each_once)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{source}, line {number}: not a JSON object of one row: {error}") from None
        if not isinstance(content, dict):
            raise UserError(f"{source}, line {number}: not a JSON object of one row")
        records.append(content)
        numbers.append(number)
    names = list(dict.fromkeys(name for record in records for name in record))
    for name in NEVER_MISSING if {"metric", "value"} & set(names) else ():
        for number, record in zip(numbers, records, strict=True):
            if name in names and name not in record:
                raise UserError(f"{source}, line {number}: has no {name!r}, which other lines have")
    columns = {name: Column.of([record.get(name, "") for record in records]) for name in names}
    return Table(columns, np.array(numbers), source, "line")


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, str]:
    """Return the fields of a JSON object as text, empty for null."""
    row: dict[str, str] = {}
    for name, value in pairs:
        if name in row:
            raise ValueError(f"{name!r} is there twice")
        if isinstance(value, dict | list):
            raise ValueError(f"{name!r} is not a single value")
        row[name] = "" if value is None else str(value)
    return row
