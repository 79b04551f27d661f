"""Trajectories to a score table: one row for each objective of a group, compared with the baseline seed by seed."""

from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import numpy as np

from fortifai.errors import UserError
from fortifai.fidelity import intervals
from fortifai.fidelity.onset import Seed, Trajectory, common_horizon, restrict, scored_horizons
from fortifai.fidelity.power import LEVEL, smallest_visible_ratio
from fortifai.fidelity.remarks import joined, unseen
from fortifai.fidelity.row import ObjectiveInGroup, RawRow
from fortifai.fidelity.rule import BASELINE, Rule
from fortifai.fidelity.scores import Estimate, ScoreRow, ScoreTable
from fortifai.fidelity.threshold import choose_threshold
from fortifai.fidelity.trajectories.curves import Group
from fortifai.fidelity.trajectories.groups import Chains, Objectives, metrics_of
from fortifai.fidelity.trajectories.outside import Reading
from fortifai.fidelity.trajectories.source import LoadedTrajectories, TrajectorySource, load
from fortifai.records.numbers import RunNumbers
from fortifai.storage import Better

CALIBRATES = "--calibrate-threshold sets the threshold of phi itself, and cannot go with the rule {}"


def score(
    path_or_frame: "TrajectorySource | RunNumbers",
    *,
    rule: str | None = None,
    baseline: str = BASELINE,
    better: Better | Mapping[str, Better] | None = None,
    null: float | Mapping[str, float] | None = None,
    calibrate_threshold: float | None = None,
    horizon: int | None = None,
    columns: Mapping[str, str] | None = None,
    first_generation: int = 0,
    run_name: str | None = None,
    generation_zero: str | Path | None = None,
) -> ScoreTable:
    """Score a run folder, a file or a table: fidelity intervals, and extension ratios over the baseline.

    Args:
        path_or_frame: A run folder, an entry, a file or a folder of files (comma or tab-separated, JSON lines or Parquet), a
            data frame (of pandas, Polars or any library that speaks Arrow) with at least the columns objective, generation,
            metric, value, or the numbers of a run.
        rule: ``"phi<0.75"``, ``"metric<value"``, ``"metric>value"`` or ``"|metric-value|>value"``, each with ``" for 2"`` if it
            must hold for more than one generation; by default that of the run's suite, else phi<0.75.
        baseline: The objective that the others are compared with, and whose generation 0 fidelity is measured from.
        better: ``"lower"`` or ``"higher"``, where the data do not say it; for all metrics, or by metric.
        null: The metric's value for a model that has lost everything, in place of the data's; by metric if there are several.
        calibrate_threshold: Instead of a rule: set the threshold of phi so that at most this share of control chains, in
            (0, 1), cross it; their false-positive rate is then that of the chains that had no part in setting it.
        horizon: The last generation that is looked at; by default the last to which all onsets of a group are known.
        columns: The name of a column in the data by ours, such as ``{"objective": "Setting"}``.
        first_generation: The generation of the data that is counted as 0.
        run_name: What the names of runs in a chart of Weights & Biases are made of, such as ``"{objective}-{seed}"``; by default
            an objective, ``seed`` or ``s``, and a number.
        generation_zero: A file with generation 0 of the series, where they begin at 1; objective ``*`` is all of a seed.

    Returns:
        The rows ordered by group, then the baseline, then by name; p adjusted by Holm's method over all of them.

    Raises:
        UserError: For data that cannot be read, a malformed rule, an unknown metric, a phi rule without a null, too few
            control chains to set a threshold by, and a baseline that the data does not hold (by an absolute rule it is only
            needed for the ratios).
    """
    reading = Reading(columns or {}, first_generation, run_name, generation_zero)
    loaded = load(path_or_frame, rule, baseline, better, null, reading)
    if calibrate_threshold is not None and rule is not None:
        raise UserError(CALIBRATES.format(loaded.rule))
    return score_loaded(loaded, baseline, calibrate_threshold=calibrate_threshold, horizon=horizon)


def score_loaded(
    loaded: LoadedTrajectories, baseline: str, *, calibrate_threshold: float | None = None, horizon: int | None = None
) -> ScoreTable:
    """Score trajectories that were read already; arguments, rows and errors are those of `score`."""
    if horizon is not None and (horizon < 1 or calibrate_threshold is not None):
        raise UserError("a horizon is a generation from 1, and cannot go with --calibrate-threshold")
    if calibrate_threshold is not None and (not loaded.rule.by_fidelity or loaded.rule.generations > 1):
        raise UserError(CALIBRATES.format(loaded.rule))
    rows: list[RawRow] = []
    for metric in metrics_of(loaded.curves, loaded.rule):
        groups = loaded.groups(metric, baseline)
        used, remarks, judges = loaded.rule, loaded.remarks_on(metric), None
        if calibrate_threshold is not None:
            chosen = choose_threshold(_controls(groups), calibrate_threshold, _suite(groups))
            used, judges = chosen.rule, chosen.held_out
            remarks.append(chosen.remark)
        rates = _false_positive_rates(groups, used, judges, horizon)
        for group, objectives in groups.items():
            rows += _rows_of_group(group, objectives, metric, used, baseline, rates, remarks, horizon)
    rows.sort(key=lambda raw: _order(raw.row, baseline))
    return ScoreTable(rows=_adjusted(rows))


def _adjusted(rows: Sequence[RawRow]) -> list[ScoreRow]:
    """Return the rows with their p adjusted over all of them, and a remark where no difference was seen."""
    by_rule, over_thresholds = (intervals.holm(p) for p in ([raw.p for raw in rows], [raw.p_over_thresholds for raw in rows]))
    comparisons = sum(p is not None for p in by_rule)
    adjusted: list[ScoreRow] = []
    for raw, p, p_over in zip(rows, by_rule, over_thresholds, strict=True):
        update: dict[str, object] = {"p_value": p, "p_value_over_thresholds": p_over}
        if p is not None and p >= LEVEL and raw.sd is not None and (pairs := raw.row.pairs):
            visible = smallest_visible_ratio(pairs, comparisons, raw.sd)
            if visible is not None:
                reason = joined([*filter(None, [raw.row.reason]), unseen(visible, pairs, comparisons)])
                update |= {"reason": reason, "visible_ratio": visible}
        adjusted.append(raw.row.model_copy(update=update))
    return adjusted


def _rows_of_group(
    group: Group,
    objectives: Objectives,
    metric: str,
    rule: Rule,
    baseline: str,
    rates: Mapping[tuple[Group, str], Estimate | None],
    remarks: Sequence[str],
    asked: int | None,
) -> list[RawRow]:
    scorable = [trajectory for chains in objectives.values() if not chains.unscored for trajectory in chains.trajectories]
    horizons = scored_horizons(scorable, rule.least_health, asked)
    baseline_chains = objectives.get(baseline, Chains())
    rows = []
    for objective, chains in objectives.items():
        compared = ObjectiveInGroup(objective, chains, baseline, baseline_chains, rule, *horizons, asked)
        rows.append(compared.row(group, metric, rates.get((_any_strategy(group), objective)), remarks))
    return rows


def _controls(groups: Mapping[Group, Objectives]) -> dict[Seed, list[Trajectory]]:
    """Return the trajectories of all control chains that can be scored, by seed."""
    by_seed: dict[Seed, list[Trajectory]] = {}
    for group, objectives in groups.items():
        for chains in objectives.values() if group.is_control else ():
            for trajectory in () if chains.unscored else chains.trajectories:
                by_seed.setdefault(trajectory.seed, []).append(trajectory)
    return by_seed


def _suite(groups: Mapping[Group, Objectives]) -> str:
    """Return the suite's name, for a command that runs more of it."""
    return next((group.suite.partition("@")[0] for group in groups if group.suite), "SUITE")


def _false_positive_rates(
    groups: Mapping[Group, Objectives], rule: Rule, judges: Set[Seed] | None, asked: int | None
) -> dict[tuple[Group, str], Estimate | None]:
    """Return the rate of each objective's control chains, by their group without its strategy."""
    return {
        (_any_strategy(group), objective): _collapsed_share(chains, rule, judges, asked)
        for group, objectives in groups.items()
        if group.is_control
        for objective, chains in objectives.items()
    }


def _collapsed_share(chains: Chains, rule: Rule, judges: Set[Seed] | None, asked: int | None) -> Estimate | None:
    """Return the share of control chains that the rule calls collapsed, within their common horizon.

    ``judges``: the seeds of the chains that count; None counts all.
    """
    if chains.unscored:
        return None
    onsets = restrict(chains.trajectories, rule.least_health, _at_most(asked, common_horizon(chains.trajectories)))
    counts = [judges is None or trajectory.seed in judges for trajectory in chains.trajectories]
    return intervals.wilson(int(np.count_nonzero(~onsets.censored & np.array(counts, dtype=bool))), sum(counts))


def _at_most(asked: int | None, horizon: int) -> int:
    return horizon if asked is None else min(asked, horizon)


def _any_strategy(group: Group) -> Group:
    return group._replace(strategy=None)


def _order(row: ScoreRow, baseline: str) -> tuple[object, ...]:
    group = (row.suite, row.modality, row.model, row.regime, row.strategy)
    return (*(name or "" for name in group), row.metric, row.objective != baseline, row.objective)
