"""What a user says of the metrics beside what the data say: their null, and which way is better."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from fortifai.errors import UserError
from fortifai.fidelity.rule import Rule
from fortifai.fidelity.trajectories.tidy import MASKED_SHARE
from fortifai.storage import Better

DIRECTIONS = ("lower", "higher")


def with_null(table: pd.DataFrame, null: float | Mapping[str, float] | None) -> tuple[pd.DataFrame, dict[str, str]]:
    """Put the given null in place of the data's, and say so, by metric.

    Raises UserError when it is not finite, or one number is given for several metrics.
    """
    given = _by_metric(table, null, "null")
    if wrong := [name for name, value in given.items() if not np.isfinite(value)]:
        raise UserError(f"the null of {wrong[0]} must be a finite number, not {given[wrong[0]]}")
    notes = {}
    table = table.copy()
    for name, value in given.items():
        of = table["metric"] == name
        replaced = sorted(set(table.loc[of, "null"].dropna()) - {value})
        instead = f" instead of {', '.join(f'{old:.4g}' for old in replaced)}" if replaced else ""
        notes[name] = f"null given as {value:.12g}{instead}"
        table.loc[of, "null"] = value
    return table, notes


def with_better(table: pd.DataFrame, better: Better | Mapping[str, Better] | None) -> pd.DataFrame:
    """Fill in which way is better where the data do not say it.

    Raises UserError for another word than lower or higher, and when the data say otherwise.
    """
    given = dict.fromkeys(_metrics(table), better) if isinstance(better, str) else better
    table = table.copy()
    for name, direction in _by_metric(table, given, "better").items():
        if direction not in DIRECTIONS:
            raise UserError(f"better must be lower or higher, not {direction!r}")
        of = table["metric"] == name
        if table.loc[of, "better"].isin({*DIRECTIONS} - {direction}).any():
            raise UserError(f"{name} is given as better {direction}, but the data say otherwise")
        table.loc[of, "better"] = direction
    return table


def against_the_grain(table: pd.DataFrame, metric: str, rule: Rule) -> str | None:
    """Say when a rule calls collapse what the metric itself calls better."""
    improving = "lower" if rule.side == "<" else "higher"
    if rule.by_fidelity or not (table.loc[table["metric"] == metric, "better"] == improving).any():
        return None
    return f"{improving} {metric} is better by the data, so the rule {rule} calls an improvement a collapse"


def _metrics(table: pd.DataFrame) -> list[str]:
    return sorted(set(table["metric"]) - {MASKED_SHARE})


def _by_metric(table: pd.DataFrame, given: object, what: str) -> Mapping[str, Any]:
    if given is None:
        return {}
    known = _metrics(table)
    if not isinstance(given, Mapping):
        if len(known) > 1:
            raise UserError(f"one {what} for {len(known)} metrics: say which, as in {known[0]}={given} ({', '.join(known)})")
        return dict.fromkeys(known, given)
    if unknown := sorted(set(given) - set(known)):
        near = get_close_matches(unknown[0], known, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise UserError(f"{what}: unknown metric {unknown[0]!r}{hint} (in the data: {', '.join(known)})")
    return given
