"""Tables as they come from outside: columns of cells, and where each row stands in what it was read from."""

import math
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from fortifai.errors import UserError

Cells = NDArray[Any]
Mask = NDArray[np.bool_]


class Column(NamedTuple):
    """A column of R cells, of which many are alike: each of V values once, so that whatever is done is done once for each.

    ``values``: (V,), text as a file has it, numbers, or whatever a data frame holds. ``codes``: which of them each row has, (R,).
    """

    values: Cells
    codes: NDArray[np.int64]

    @classmethod
    def of(cls, cells: Iterable[Any]) -> Self:
        """Return cells as a column: an array of numbers, or any other objects, which are told apart by type and text."""
        if isinstance(cells, np.ndarray) and cells.dtype.kind in "iuf":
            return cls(*np.unique(cells, return_inverse=True))
        cells = list(cells)
        if {*map(type, cells)} <= {str}:
            return cls(*coded(cells))
        _, codes = coded((type(cell), str(cell)) for cell in cells)
        values = dict(zip(codes.tolist(), cells, strict=True))
        return cls(as_objects([*values.values()]), codes)

    @classmethod
    def constant(cls, value: object, rows: int) -> Self:
        """Return a column of one value."""
        return cls(as_objects([value]), np.zeros(rows, dtype=np.int64))

    @property
    def cells(self) -> Cells:
        """The value of each row, (R,)."""
        return self.values[self.codes]

    def each(self, function: Callable[[Any], object]) -> "Column":
        """Return the column of what a function makes of each value; the function's values are hashed."""
        column = coded(map(function, self.values))
        return Column(column.values, column.codes[self.codes])

    def where(self, test: Callable[[Any], bool]) -> Mask:
        """Return which rows hold a value that passes a test, (R,)."""
        return np.array([test(value) for value in self.values], dtype=bool)[self.codes]

    def take(self, rows: Mask | NDArray[np.intp]) -> "Column":
        """Return the column of some rows, by a mask or their places, without the values that none of them has."""
        there, codes = np.unique(self.codes[rows], return_inverse=True)
        return Column(self.values[there], codes)


@dataclass(frozen=True)
class Table:
    """A table as it was read.

    Attributes:
        columns: The columns by name, of R cells each.
        places: Where each row stands, (R,): the number of its line or row, or a text that says it.
        source: What errors call what it was read from.
        unit: What ``places`` counts.
    """

    columns: dict[str, Column]
    places: Cells
    source: str = "the table"
    unit: str = "row"

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.places)

    def place(self, row: int) -> str:
        """Return where a row stands, such as ``line 3`` or ``row 3``."""
        label = self.places[row]
        return label if isinstance(label, str) else f"{self.unit} {label}"

    def take(self, rows: Mask) -> "Table":
        """Return the table of some rows."""
        columns = {name: column.take(rows) for name, column in self.columns.items()}
        return replace(self, columns=columns, places=self.places[rows])

    def without(self, *names: str) -> "Table":
        """Return the table without some of its columns, or those that are not there."""
        return replace(self, columns={name: column for name, column in self.columns.items() if name not in names})

    def assign(self, **columns: Column) -> "Table":
        """Return the table with further columns, or others in their place."""
        return replace(self, columns=self.columns | columns)

    def refuse(self, wrong: Mask, problem: str) -> None:
        """Raise UserError with the place of the first wrong row and the number of the others."""
        if wrong.any():
            rows = np.flatnonzero(wrong)
            more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
            raise UserError(f"{self.source}, {self.place(int(rows[0]))}: {problem}{more}")


class Coder:
    """Makes a column of cells as they come."""

    def __init__(self) -> None:
        self._codes = array("q")
        self._code: defaultdict[Any, int] = defaultdict()
        self._code.default_factory = self._code.__len__  # a value that has no code yet gets the next one

    def add(self, cells: Iterable[Any]) -> None:
        """Add further cells, which are hashed."""
        self._codes.extend(map(self._code.__getitem__, cells))

    def column(self) -> Column:
        """Return the column of all cells so far; its values are in the order in which they came."""
        return Column(as_objects([*self._code]), np.array(self._codes, dtype=np.int64))


def coded(cells: Iterable[Any]) -> Column:
    """Return a column of cells that are hashed."""
    coder = Coder()
    coder.add(cells)
    return coder.column()


def numbered(columns: Iterable[Column], rows: int) -> NDArray[np.int64]:
    """Return a number from 0 for each row, the same where rows agree in all of some columns of R cells, (R,)."""
    number = np.zeros(rows, dtype=np.int64)
    for column in columns:
        if len(column.values) > 1:
            _, number = np.unique(number * len(column.values) + column.codes, return_inverse=True)
    return number


def as_objects(values: Sequence[Any]) -> Cells:
    """Return an array of objects, (V,), also where they are sequences themselves."""
    return np.fromiter(values, dtype=object, count=len(values))


def as_number(value: object) -> float:
    """Return the number that a cell holds or a text says, NaN where it is none; of a float32 the one of its shortest digits."""
    text = str(value)
    try:
        return math.nan if "_" in text else float(text)  # Python takes 1_0 for 10, and nobody else does
    except ValueError:
        return math.nan
