"""Where a row of a table stands in what it was read from."""

import pandas as pd


def place(index: "pd.Index[str] | pd.Index[int]", position: int) -> str:
    """Return where a row of a table stands, such as ``line 3`` or ``row 3``."""
    label = index[position]
    return label if isinstance(label, str) else f"{index.name or 'row'} {label}"
