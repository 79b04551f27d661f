"""A generation 0 that lies in another file than the series that it belongs to."""

import numpy as np
import pandas as pd

from fortifai.errors import UserError
from fortifai.fidelity.remarks import counted
from fortifai.fidelity.trajectories.tidy import CHAIN, GROUP

ALL_OBJECTIVES = "*"
"""What stands in place of an objective where one generation 0 is that of all objectives of the same group and seed."""

CURVE = [*CHAIN, "metric"]


def with_generation_zero(table: pd.DataFrame, zero: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return series with the generation 0 that another table holds of them.

    A row belongs to the curve of the same group, objective, seed and metric; one whose objective is ``*`` to those of all
    objectives.

    Args:
        table: The series, tidy; it is not changed.
        zero: The table of generation 0, tidy.
        source: What errors call the latter.

    Raises:
        UserError: When that table holds other generations, none that belongs to a series or two that belong to the same, and
            when null or direction of the two tables differ.
    """
    if (later := zero.loc[zero["generation"] != 0, "generation"]).size:
        raise UserError(f"{source}: holds generation {later.iloc[0]}, and should hold generation 0 alone")
    curves = table.drop_duplicates(CURVE).drop(columns=["generation", "value"])
    # Seeds are numbers in one table and may be text in the other.
    curves, zero = (part.assign(key=part["seed"].map(str), number=range(len(part))) for part in (curves, zero))
    is_shared = zero["objective"] == ALL_OBJECTIVES
    by_chain = [*GROUP, "objective", "key", "metric"]
    by_seed = [name for name in by_chain if name != "objective"]
    own = ["value", "null", "better", "number"]
    parts = [
        curves.merge(zero.loc[rows, [*keys, *own]], on=keys, suffixes=("", "_zero"))
        for rows, keys in ((~is_shared, by_chain), (is_shared, by_seed))
    ]
    added = pd.concat([part for part in parts if len(part)] or parts[:1])
    if added.empty:
        raise UserError(f"{source}: no row of it is of the same {_differing(curves, zero)} as a series")
    first = table.loc[table["generation"] == 0, CURVE]
    taken = pd.concat([first, added[CURVE]])
    if (twice := taken[taken.duplicated()]).size:
        row = twice.iloc[0]
        raise UserError(f"{source}: a second generation 0 for {row['objective']}, seed {row['seed']}, metric {row['metric']}")
    for name in ("null", "better"):
        both = added[name].notna() & added[f"{name}_zero"].notna()
        if (wrong := added[both & (added[name] != added[f"{name}_zero"])]).size:
            row = wrong.iloc[0]
            raise UserError(f"{source}: {name} is {row[f'{name}_zero']}, and {row[name]} in the series of {row['objective']}")
        added[name] = added[name].where(added[name].notna(), added[f"{name}_zero"])
    added["generation"] = 0
    added.loc[~np.isfinite(added["value"]), "state"] = "diverged"
    joined = pd.concat([table, added[table.columns].astype(table.dtypes.to_dict())], ignore_index=True)
    remarks = [f"generation 0 of {len(added)} series from {source}"]
    if unused := len(set(zero["number"]) - set(added["number_zero"])):
        remarks.append(f"{counted(unused, 'row')} of {source} belong{'s' if unused == 1 else ''} to no series")
    joined.attrs["remarks"] = [*table.attrs["remarks"], *remarks]
    return joined


def _differing(curves: pd.DataFrame, zero: pd.DataFrame) -> str:
    """Return the columns in which two tables have no value in common, or all that have to be the same."""
    apart = [name for name in (*GROUP, "objective", "key", "metric") if {*curves[name]}.isdisjoint(zero[name])]
    if ALL_OBJECTIVES in {*zero["objective"]}:
        apart = [name for name in apart if name != "objective"]
    return ", ".join(apart).replace("key", "seed") or "group, objective, seed and metric"
