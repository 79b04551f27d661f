"""From the tidy table to the chains of each group, measured by health: phi, or the rule's own metric."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from fortifai.errors import UserError
from fortifai.fidelity.onset import Course, Floats
from fortifai.fidelity.rule import Rule
from fortifai.fidelity.trajectories.tidy import GROUP, MASKED_SHARE


class Group(NamedTuple):
    """What chains must share to be compared; None where the data does not say."""

    suite: str | None
    modality: str | None
    model: str | None
    regime: str | None
    strategy: str | None

    @property
    def under_control(self) -> bool:
        """Whether these are control chains: fresh real data in every generation."""
        return self.strategy is not None and self.strategy.partition(":")[0] == "control"


@dataclass
class Chains:
    """The chains of one objective in one group: the ones that count, how many do not, and what is wrong with them."""

    courses: list[Course] = field(default_factory=list)
    incomplete: int = 0
    horizon: int = 0
    unscored: str | None = None
    left_out: list[str] = field(default_factory=list)
    single: int = 0
    """Of the incomplete ones, those of a single generation, in which no onset can be seen."""
    headless: int = 0
    """Of the incomplete ones, those that are over and have no generation 0."""
    bridged: int = 0
    """Generations missing within chains, read as linear between their neighbours."""


def metrics_of(table: pd.DataFrame, rule: Rule) -> list[str]:
    """The metrics that a rule scores by: the one it names, or by phi every one that has a null.

    Raises UserError when phi has no null to measure from, and for an unknown metric, with the nearest.
    """
    known = sorted(table["metric"].unique())
    if not rule.by_fidelity:
        if rule.name not in known:
            near = get_close_matches(rule.name, known, n=3, cutoff=0.5)
            hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise UserError(f"rule {str(rule)!r}: unknown metric {rule.name!r}{hint} (in the data: {', '.join(known)})")
        return [rule.name]
    measured = sorted(table.loc[table["null"].notna(), "metric"].unique())
    if not measured:
        raise UserError(
            f"rule {str(rule)!r} needs a null, the metric's value for a model that has lost everything: add a column null, "
            f"give one (--null), or a rule on the metric itself, such as '{known[0]}>1.5'"
        )
    return measured


def groups(table: pd.DataFrame, metric: str, rule: Rule, baseline: str) -> Iterator[tuple[Group, dict[str, Chains]]]:
    """Give every group with the chains of its objectives."""
    both = table[table["metric"].isin([metric, MASKED_SHARE])]
    for key, part in both.groupby(GROUP, dropna=False):
        if (part["metric"] == metric).any():
            group = Group(*(name if isinstance(name, str) else None for name in key))
            yield group, _objectives(part.sort_values("generation"), metric, rule, baseline)


def _objectives(part: pd.DataFrame, metric: str, rule: Rule, baseline: str) -> dict[str, Chains]:
    values = part[part["metric"] == metric]
    masked = {key: rows.set_index("generation")["value"] for key, rows in _chains(part[part["metric"] == MASKED_SHARE])}
    start = values[(values["generation"] == 0) & np.isfinite(values["value"])]
    references = start[start["objective"] == baseline].set_index("seed")["value"].to_dict()
    found: dict[str, Chains] = {}
    for (objective, seed), rows in _chains(values):
        chains = found.setdefault(objective, Chains())
        first = rows.iloc[0]
        chains.horizon = max(chains.horizon, int(first["horizon"]))
        begun = first["generation"] == 0 and (first["state"] == "diverged" or bool(np.isfinite(first["value"])))
        if first["state"] == "incomplete" or not begun:
            chains.incomplete += 1
            chains.headless += first["state"] != "incomplete"
            continue
        if first["horizon"] == 0 and first["state"] == "complete":
            chains.incomplete += 1
            chains.single += 1
            continue
        chains.bridged += int(rows["generation"].iloc[-1]) + 1 - len(rows)
        health = rows["value"].to_numpy(float)
        if rule.by_fidelity:
            if seed not in references:
                chains.left_out.append(str(seed))
                continue
            null, reference = float(first["null"]), float(references[seed])
            higher = first["better"] == "higher"  # a metric that does not say is taken for a distance
            if problem := _no_range(null, reference, higher):
                chains.unscored = problem
            health = fidelity(health, null, reference)
        elif rule.side == ">":
            health = -health
        chains.courses.append(_course(seed, rows, health, masked.get((objective, seed))))
    return found


def fidelity(value: Floats, null: float, reference: float) -> Floats:
    """phi of each value: 1 = as good as the baseline's generation 0 (``reference``), 0 = as bad as ``null``.

    One formula serves both directions, and it does not change when the metric is shifted or scaled. Where the two are equal
    there is no range to measure in, and the result is NaN.
    """
    return (null - value) / (null - reference) if null != reference else np.full_like(value, np.nan)


def _no_range(null: float, reference: float, higher: bool) -> str | None:
    if np.isnan(null):
        return "unscored: no null for this metric here"
    if (reference > null) if higher else (reference < null):
        return None
    known = "higher is better" if higher else "lower is better; a metric whose higher values are better has to say so"
    return f"unscored: the baseline's generation 0 ({reference:.4g}) is no better than the null ({null:.4g}), as {known}"


def _chains(rows: pd.DataFrame) -> Iterator[tuple[tuple[str, int | str], pd.DataFrame]]:
    for (objective, seed), part in rows.groupby(["objective", "seed"]):  # sorted: the order of rows does not matter
        yield (str(objective), seed if isinstance(seed, str) else int(cast(int, seed))), part


def _course(seed: int | str, rows: pd.DataFrame, health: Floats, masked: "pd.Series[float] | None") -> Course:
    finite = np.isfinite(rows["value"].to_numpy(float))
    end = int(finite.size if finite.all() else finite.argmin())
    generation = rows["generation"].to_numpy(float)[:end]
    return Course(
        seed=seed,
        generation=generation,
        health=health[:end],
        diverged=bool(rows["state"].iloc[0] == "diverged" or end < finite.size),
        horizon=int(rows["horizon"].iloc[0]),
        masked=np.full(end, np.nan) if masked is None else np.asarray(masked.reindex(generation), dtype=np.float64),
    )
