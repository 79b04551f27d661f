"""From the tidy table to the chains of each group, measured by health: phi, or the rule's own metric."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from fortifai.errors import UserError, did_you_mean
from fortifai.fidelity.onset import Floats, Seed, Trajectory
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
    def is_control(self) -> bool:
        """Whether these are control chains: fresh real data in every generation."""
        return self.strategy is not None and self.strategy.partition(":")[0] == "control"


@dataclass
class Chains:
    """The chains of one objective in one group: the trajectories that count, how many do not, and what is wrong with them.

    Attributes:
        trajectories: Of the finished chains, ordered by seed.
        incomplete: Chains that do not count, for whatever reason.
        horizon: The last generation that any of the chains was asked for.
        unscored: Why none of them can be scored, or None.
        without_baseline: Seeds that are left out, as the baseline has no generation 0 of the same seed.
        single_generation: Of the incomplete chains, those of a single generation, in which no onset can be seen.
        without_start: Of the incomplete chains, those that are over and have no generation 0.
        bridged: Generations missing within chains, read as linear between their neighbours.
    """

    trajectories: list[Trajectory] = field(default_factory=list)
    incomplete: int = 0
    horizon: int = 0
    unscored: str | None = None
    without_baseline: list[str] = field(default_factory=list)
    single_generation: int = 0
    without_start: int = 0
    bridged: int = 0


Objectives = dict[str, Chains]
"""The chains of one group by objective."""


def metrics_of(table: pd.DataFrame, rule: Rule) -> list[str]:
    """Return the metrics that a rule scores by: the one it names, or by phi every one that has a null.

    Raises:
        UserError: When phi has no null to measure from, and for an unknown metric, with the nearest.
    """
    known = sorted(table["metric"].unique())
    if not rule.by_fidelity:
        if rule.name not in known:
            hint = f"; {nearest}" if (nearest := did_you_mean(rule.name, known)) else ""
            raise UserError(f"rule {str(rule)!r}: unknown metric {rule.name!r}{hint} (in the data: {', '.join(known)})")
        return [rule.name]
    with_null = sorted(table.loc[table["null"].notna(), "metric"].unique())
    if not with_null:
        raise UserError(
            f"rule {str(rule)!r} needs a null, the metric's value for a model that has lost everything: add a column null, "
            f"give one (--null), or a rule on the metric itself, such as '{known[0]}>1.5'"
        )
    return with_null


def grouped_chains(table: pd.DataFrame, metric: str, rule: Rule, baseline: str) -> Iterator[tuple[Group, Objectives]]:
    """Yield every group that a metric was measured in, with the chains of its objectives.

    Args:
        table: A tidy table.
        metric: The metric to score by.
        rule: Decides what health is: phi, or the metric with the sign that lets it fall.
        baseline: The objective whose generation 0 phi is measured from, seed by seed.
    """
    relevant = table[table["metric"].isin([metric, MASKED_SHARE])]
    for key, rows in relevant.groupby(GROUP, dropna=False):
        if (rows["metric"] == metric).any():
            group = Group(*(name if isinstance(name, str) else None for name in key))
            yield group, _objectives(rows.sort_values("generation"), metric, rule, baseline)


def rows_of_group(table: pd.DataFrame, group: Group, metric: str) -> pd.DataFrame:
    """Return the rows of one metric in one group; what the group does not say is not compared."""
    rows = table[table["metric"] == metric]
    for name, value in group._asdict().items():
        rows = rows[rows[name] == value] if value is not None else rows
    return rows


def fidelity(value: Floats, null: float, reference: float) -> Floats:
    """Return phi of each value: 1 = as good as the baseline's generation 0, 0 = as bad as the null.

    One formula serves distances and accuracies, and it does not change when the metric is shifted or scaled.

    Args:
        value: The metric, (G,).
        null: The metric of a model that has lost everything.
        reference: The metric of the baseline's generation 0.

    Returns:
        phi, (G,); NaN where null and reference are equal, as there is no range to measure in.
    """
    return (null - value) / (null - reference) if null != reference else np.full_like(value, np.nan)


def _objectives(rows: pd.DataFrame, metric: str, rule: Rule, baseline: str) -> Objectives:
    """Return the chains of one group's rows, which are ordered by generation."""
    values = rows[rows["metric"] == metric]
    masked = {key: of_chain.set_index("generation")["value"] for key, of_chain in _chains(rows[rows["metric"] == MASKED_SHARE])}
    start = values[(values["generation"] == 0) & np.isfinite(values["value"])]
    references = start[start["objective"] == baseline].set_index("seed")["value"].to_dict()
    objectives: Objectives = {}
    for (objective, seed), of_chain in _chains(values):
        chains = objectives.setdefault(objective, Chains())
        first = of_chain.iloc[0]
        chains.horizon = max(chains.horizon, int(first["horizon"]))
        if not _is_finished(first, chains):
            continue
        chains.bridged += int(of_chain["generation"].iloc[-1]) + 1 - len(of_chain)
        health = of_chain["value"].to_numpy(float)
        if rule.by_fidelity:
            if seed not in references:
                chains.without_baseline.append(str(seed))
                continue
            null, reference = float(first["null"]), float(references[seed])
            higher = first["better"] == "higher"  # a metric that does not say is taken for a distance
            if problem := _no_range(null, reference, higher):
                chains.unscored = problem
            health = fidelity(health, null, reference)
        elif rule.side == ">":
            health = -health
        chains.trajectories.append(_trajectory(seed, of_chain, health, masked.get((objective, seed))))
    return objectives


def _is_finished(first: pd.Series, chains: Chains) -> bool:
    """Return whether a chain counts, which its first row tells; one that does not is added to the incomplete ones."""
    begun = first["generation"] == 0 and (first["state"] == "diverged" or bool(np.isfinite(first["value"])))
    if first["state"] == "incomplete" or not begun:
        chains.incomplete += 1
        chains.without_start += first["state"] != "incomplete"
        return False
    if first["horizon"] == 0 and first["state"] == "complete":
        chains.incomplete += 1
        chains.single_generation += 1
        return False
    return True


def _no_range(null: float, reference: float, higher: bool) -> str | None:
    """Return why phi cannot be measured between a null and a reference, or None when it can."""
    if np.isnan(null):
        return "unscored: no null for this metric here"
    if (reference > null) if higher else (reference < null):
        return None
    direction = "higher is better" if higher else "lower is better; a metric whose higher values are better has to say so"
    return f"unscored: the baseline's generation 0 ({reference:.4g}) is no better than the null ({null:.4g}), as {direction}"


def _chains(rows: pd.DataFrame) -> Iterator[tuple[tuple[str, Seed], pd.DataFrame]]:
    for (objective, seed), of_chain in rows.groupby(["objective", "seed"]):  # sorted: the order of rows does not matter
        yield (str(objective), seed if isinstance(seed, str) else int(cast(int, seed))), of_chain


def _trajectory(seed: Seed, rows: pd.DataFrame, health: Floats, masked: "pd.Series[float] | None") -> Trajectory:
    value = rows["value"].to_numpy(float)
    finite = np.isfinite(value)
    end = int(finite.size if finite.all() else finite.argmin())
    generation = rows["generation"].to_numpy(float)[:end]
    return Trajectory(
        seed=seed,
        generation=generation,
        value=value[:end],
        health=health[:end],
        diverged=bool(rows["state"].iloc[0] == "diverged" or end < finite.size),
        horizon=int(rows["horizon"].iloc[0]),
        masked=np.full(end, np.nan) if masked is None else np.asarray(masked.reindex(generation), dtype=np.float64),
    )
