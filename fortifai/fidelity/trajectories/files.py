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
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
import pandas as pd

from fortifai.errors import UserError
from fortifai.fidelity.trajectories.places import place

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
CHUNK = 1_000
"""Records that are read at a time: with 20 times as many it takes twice as long, as they no longer fit the processor's cache."""

_NUMBER = r"^[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?$"

_MOST_SHARED = 20_000
"""Texts of a column that are kept to be shared between its rows; one with more holds numbers, and has little to share."""


def read_file(path: str | Path) -> pd.DataFrame:
    """Return a file as a table of text, as it is written; the index holds the line of each row.

    A Parquet file keeps its types, and is indexed by row.

    Raises:
        UserError: Naming the line that is wrong, for a file that cannot be read.
    """
    path = Path(path)
    name = path.name.lower().removesuffix(".gz")
    return _read(path, str(path), "\t" if name.endswith((".tsv", ".tab")) else ",")


def read_standard_input() -> pd.DataFrame:
    """Return what comes through a pipe as a table of text, as `read_file` does; tabs are recognised in its first line."""
    table = _read(None, STANDARD_INPUT, None)
    table.attrs["source"] = STANDARD_INPUT
    return table


def tables_in(folder: Path) -> list[Path]:
    """Return the files of trajectories that lie in a folder, ordered by name; folders within it are not searched."""
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name.lower().removesuffix(".gz").endswith(ENDINGS))


def read_folder(folder: Path) -> pd.DataFrame:
    """Return the files of a folder as one table of text; the index holds the file and the line of each row.

    Raises:
        UserError: When a file cannot be read, or has other columns than the first.
    """
    tables: list[pd.DataFrame] = []
    for path in tables_in(folder):
        table = read_file(path)
        if tables and set(table.columns) != set(tables[0].columns):
            first, other = (", ".join(map(str, columns)) for columns in (tables[0].columns, table.columns))
            raise UserError(f"{path}: has the columns {other}, and the files before it {first}")
        table.index = pd.Index([f"{path.name}, {place(table.index, row)}" for row in range(len(table))], dtype=object)
        tables.append(table)
    return pd.concat(tables)


def _read(path: Path | None, source: str, separator: str | None) -> pd.DataFrame:
    try:
        with _opened(path) as stream:
            start = stream.peek(4)
            if start.startswith(_PARQUET):
                return _parquet(stream, source)
            content = stream.read()
            if (table := _plain(content, separator)) is not None:
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


def _parquet(stream: BinaryIO, source: str) -> pd.DataFrame:
    try:
        table = pd.read_parquet(io.BytesIO(stream.read()))
    except (ValueError, OSError) as error:
        raise UserError(f"{source}: cannot be read as Parquet: {error}") from None
    return table.reset_index(drop=True)


def _plain(content: bytes, separator: str | None) -> pd.DataFrame | None:
    """Return the table of a file that holds nothing but fields and signs between them, or None for any other.

    This takes a quarter of the time of reading record by record, which is left for whatever has to be explained or forgiven:
    quotes, spaces after a sign, other ends of lines, empty lines, rows of another width. Columns with few values are categories.
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
    lines = pd.RangeIndex(2, 2 + table.num_rows, name="line")
    fields = {}
    for name in named:
        fields[name] = _numbers(table[name]) if name.strip().casefold() == "value" else None
        if fields[name] is None:
            fields[name] = _shared(table[name])
        table = table.drop_columns([name])  # every copy of a large file counts
    return pd.DataFrame(fields, copy=False).set_axis(lines, axis="index")


def _numbers(column: "pa.ChunkedArray") -> pd.Series | None:
    """Return a column of plain numbers, each the nearest to what is written; None where one is missing or anything else."""
    import pyarrow as pa
    from pyarrow import compute

    if not compute.all(compute.match_substring_regex(column, _NUMBER)).as_py():
        return None
    try:
        return pd.Series(column.cast(pa.float64()).to_numpy())
    except pa.ArrowInvalid:
        return None


def _shared(column: "pa.ChunkedArray") -> pd.Series:
    """Return a column of text, whose values are categories where there are few of them."""
    encoded = column.combine_chunks().dictionary_encode()
    texts = pd.Index(encoded.dictionary.to_pylist(), dtype=object)
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    if len(texts) > _MOST_SHARED:
        return pd.Series(texts.to_numpy()[codes], dtype=object)
    return pd.Series(pd.Categorical.from_codes(codes, categories=texts))


def _without_nul(lines: Iterator[str], source: str) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if "\0" in line:
            raise UserError(f"{source}, line {number}, character {line.index(chr(0)) + 1}: a NUL byte, so the file is damaged")
        yield line


def _delimited(text: Iterator[str], source: str, separator: str | None) -> pd.DataFrame:
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
    columns: list[list[str]] = [[] for _ in header]
    shared: list[dict[str, str]] = [{} for _ in header]
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
            for values, texts, fields in zip(columns, shared, zip(*(record for _, record in chunk), strict=True), strict=False):
                values.extend(map(texts.setdefault, fields, fields) if len(texts) < _MOST_SHARED else fields)
    except csv.Error as error:
        raise UserError(f"{source}, line {heading + reader.line_num}: cannot be read as CSV: {error}") from None
    table = {}
    for name in header[:width]:
        fields_of_column = np.array(columns.pop(0), dtype=object)  # which frees the list: every copy of a large file counts
        if name.strip():
            table[name] = fields_of_column
    return pd.DataFrame(table, copy=False).set_axis(pd.Index(numbers, name="line"), axis="index")


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


def _json_lines(lines: Iterator[str], source: str) -> pd.DataFrame:
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
    table = {name: pd.Series([record.get(name, "") for record in records], dtype=object) for name in names}
    return pd.DataFrame(table).set_axis(pd.Index(numbers, name="line"), axis="index")


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
