"""A user's file as a table of finite numbers, or an error that says what is wrong with it and where."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fortifai.errors import UserError, did_you_mean
from fortifai.sanitise import user_path

MOSTLY = 0.5
"""A column in which more than this share of the values reads as numbers is numeric, with some text in it."""


def read_file(source: str, bundled: Sequence[str]) -> pd.DataFrame:
    """Return the table of a .csv or .parquet file.

    Args:
        source: Its path.
        bundled: Names of bundled tables, the nearest of which are suggested for a file that is missing.

    Raises:
        UserError: The file is missing, of another kind, unreadable or empty.
    """
    path = user_path(source)
    if not path.is_file():
        hint = did_you_mean(source, bundled) or f"bundled tables: {', '.join(bundled)}"
        raise UserError(f"no data file {source!r}, and no bundled table of that name; {hint}")
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise UserError(f"{source}: only .csv and .parquet files can be read")
    try:
        frame = pd.read_csv(path, skipinitialspace=True) if path.suffix.lower() == ".csv" else pd.read_parquet(path)
    except UnicodeDecodeError as error:
        raise UserError(f"{source} cannot be read: it is not UTF-8: {error.reason}; save it as UTF-8") from None
    except (ValueError, OSError) as error:  # what pandas and pyarrow raise on a file they cannot parse derives from these
        raise UserError(f"{source} cannot be read: {error}") from error
    if frame.empty:
        raise UserError(f"{source} has no rows")
    return frame.rename(columns=str)


def pick(frame: pd.DataFrame, columns: Sequence[str] | None, source: str) -> pd.DataFrame:
    """Return some columns of a table.

    Args:
        frame: The table.
        columns: Their names, in the order that is wanted; None: all.
        source: The table's name, for messages.

    Raises:
        UserError: A name is unknown or stands twice.
    """
    if columns is None:
        return frame
    known = [str(name) for name in frame]
    if unknown := [name for name in columns if name not in known]:
        hint = did_you_mean(unknown[0], known) or f"it has {', '.join(known)}"
        raise UserError(f"{source} has no column {unknown[0]!r}; {hint}")
    if len(set(columns)) < len(columns):
        raise UserError(f"{source}: a column is named twice in data.columns: {', '.join(columns)}")
    return frame[list(columns)]


def numbers(frame: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return a table as float64.

    Args:
        frame: The table.
        source: Its name, for messages.

    Raises:
        UserError: A column holds text, or a value is text, missing or infinite; names its column and row. Rows count from 1,
            the header not included.
    """
    parsed = {name: _as_numbers(column) for name, column in frame.items()}
    text = [str(name) for name, values in parsed.items() if _numeric_share(frame[name], values) <= MOSTLY]
    if text:
        numeric = [str(name) for name in frame if name not in text]
        remedy = f"leave them out with data.columns={numeric}".replace("'", '"') if numeric else "no numeric column is left"
        raise UserError(f"{source}: not numeric: {', '.join(text)}; {remedy}")
    for name, values in parsed.items():
        _require_finite(frame[name], values, f"{source}: column {name!r}")
    return pd.DataFrame(parsed)


def _as_numbers(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return np.full(len(column), np.nan)
    return pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)


def _numeric_share(column: pd.Series, values: np.ndarray) -> float:
    present = column.notna().to_numpy()
    return float((~np.isnan(values[present])).mean()) if present.any() else 1.0


def _require_finite(column: pd.Series, values: np.ndarray, where: str) -> None:
    bad, missing = np.isnan(values), column.isna().to_numpy()
    if (bad & ~missing).any():
        row = int((bad & ~missing).argmax())
        raise UserError(f"{where} is numeric, but row {row + 1} holds {column.iloc[row]!r}")
    if missing.any():
        count = f"has missing values: {int(missing.sum())}, the first in row {int(missing.argmax()) + 1}"
        raise UserError(f"{where} {count}; drop these rows, fill them in, or leave the column out with data.columns")
    if np.isinf(values).any():
        raise UserError(f"{where} holds an infinity in row {int(np.isinf(values).argmax()) + 1}")
