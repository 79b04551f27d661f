"""Data frames, of pandas or of anything that speaks Arrow, as tables."""

import math
import sys
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

import numpy as np

from fortifai.errors import UserError
from fortifai.fidelity.trajectories.table import Cells, Column, Table, as_objects

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

INDEX = "__index_level_"
"""What columns begin with that pandas writes its index into."""


class ArrowFrame(Protocol):
    """What can be read as Arrow: a data frame of Polars, a table of pyarrow, a relation of DuckDB."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the frame as a stream of Arrow's C interface."""


def table_of(frame: "pd.DataFrame | ArrowFrame") -> Table:
    """Return a data frame as a table; errors call a row by its label in the index, where there is one.

    Raises:
        UserError: When a column is there twice.
    """
    if _is_pandas(frame):
        return _from_pandas(frame)
    import pyarrow as pa

    return from_arrow(pa.table(frame))


def from_arrow(table: "pa.Table", source: str = "the table") -> Table:
    """Return a table of Arrow, such as a Parquet file holds, without the index that pandas may have written into it.

    Raises:
        UserError: When a column is there twice.
    """
    kept = [place for place, name in enumerate(table.column_names) if not name.startswith(INDEX)]
    columns = _each_once([(table.column_names[place], _from_arrow(table.column(place))) for place in kept], source)
    return Table(columns, np.arange(table.num_rows), source)


def _is_pandas(source: object) -> "TypeGuard[pd.DataFrame]":
    pandas = sys.modules.get("pandas")  # whoever has a frame of it has imported it, and nobody else should wait for it
    return pandas is not None and isinstance(source, pandas.DataFrame)


def _from_pandas(frame: "pd.DataFrame") -> Table:
    columns = [(name, _from_series(frame.iloc[:, place])) for place, name in enumerate(frame.columns)]
    return Table(_each_once(columns, "the table"), as_objects(list(frame.index)), unit=str(frame.index.name or "row"))


def _from_series(series: "pd.Series[Any]") -> Column:
    # Numbers as an array, which is taken apart at once; anything else cell by cell, as it may be any object.
    is_number = isinstance(series.dtype, np.dtype) and series.dtype.kind in "iuf"
    return Column.of(series.to_numpy() if is_number else series)


def _from_arrow(column: "pa.ChunkedArray") -> Column:
    import pyarrow as pa

    is_number = pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
    return Column.of(numbers_of(column) if is_number else column.to_pylist())


def numbers_of(column: "pa.ChunkedArray") -> Cells:
    """Return a column of numbers as an array, (R,), NaN where one is missing."""
    import pyarrow as pa
    from pyarrow import compute

    array = column.combine_chunks()
    if array.null_count:
        array = compute.fill_null(array if pa.types.is_floating(array.type) else array.cast(pa.float64(), safe=False), math.nan)
    return np.asarray(np.from_dlpack(array))  # pyarrow's own to_numpy waits a second for pandas


def _each_once(columns: list[tuple[Any, Column]], source: str) -> dict[str, Column]:
    names = [str(name) for name, _ in columns]
    if doubled := [name for place, name in enumerate(names) if name in names[:place]]:
        raise UserError(f"{source}: the column {doubled[0]!r} is there twice")
    return {name: column for name, (_, column) in zip(names, columns, strict=True)}
