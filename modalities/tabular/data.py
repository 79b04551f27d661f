"""From a table to the three splits: logarithms, a fixed shuffle, standardisation by the training pool alone, clipping."""

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError
from fortifai.randomness import stream

from .bundled import BUNDLED
from .config import TableData
from .reading import numbers, pick, read_file

LEAST_ROWS = 50
"""Fewer rows than this cannot be cut into a pool and two held-out parts that mean anything."""


def load_table(data: TableData) -> Splits:
    """Load and split a table: the same settings and content give the same splits, of one tensor ``x``, float64 (n, D).

    Raises:
        UserError: The table is missing or unusable; names the column and the row at fault.
    """
    table = _read(data)
    order = torch.randperm(len(table), generator=stream("tabular", "split", data.seed)).numpy()
    shuffled = table.to_numpy(np.float64)[order]
    validation = _held_out(data.validation, len(table), data)
    test = validation + _held_out(data.test, len(table), data)
    scaled = _standardise(shuffled, shuffled[test:], [str(name) for name in table], data)
    parts = (scaled[test:], scaled[:validation], scaled[validation:test])
    return Splits(*(Samples.real(x=torch.from_numpy(np.ascontiguousarray(part))) for part in parts))


def _read(data: TableData) -> pd.DataFrame:
    """Return the wanted columns as finite numbers, logarithms taken, in the units of the table."""
    bundled = BUNDLED.get(data.source)
    frame = bundled.frame() if bundled else read_file(data.source, sorted(BUNDLED))
    table = numbers(pick(frame, data.columns, data.source), data.source)
    if len(table) < LEAST_ROWS:
        raise UserError(f"{data.source} has {len(table)} rows; at least {LEAST_ROWS} are needed")
    usual_logs = tuple(name for name in (bundled.logs if bundled else ()) if name in table)
    for name in pick(table, usual_logs if data.logs is None else data.logs, data.source):
        if (table[name] <= 0).any():
            row = int((table[name] <= 0).to_numpy().argmax()) + 1
            raise UserError(f"{data.source}: no logarithm of column {name!r}: row {row} holds {table[name].iloc[row - 1]:g}")
        table[name] = np.log(table[name])
    return table


def _held_out(share: float, rows: int, data: TableData) -> int:
    return max(1, min(round(share * rows), data.most_held_out))


def _standardise(
    values: NDArray[np.float64], pool: NDArray[np.float64], names: list[str], data: TableData
) -> NDArray[np.float64]:
    # Held-out rows must not decide how they are scaled, so mean and standard deviation are the pool's.
    mean, deviation = pool.mean(axis=0), pool.std(axis=0)
    flat = [name for name, low, high in zip(names, pool.min(axis=0), pool.max(axis=0), strict=True) if low == high]
    if flat:
        raise UserError(f"{data.source}: the same value in every row of {', '.join(flat)}; leave out with data.columns")
    clipped: NDArray[np.float64] = np.clip((values - mean) / deviation, -data.clip, data.clip)
    return clipped
