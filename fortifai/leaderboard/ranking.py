"""The numbers of a run to its leaderboard: scored, ranked, and how to compute it again; and that as a page of Markdown."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from statistics import geometric_mean

from fortifai.fidelity.rule import BASELINE
from fortifai.fidelity.scores import ScoreRow
from fortifai.fidelity.scoring import score_loaded
from fortifai.fidelity.trajectories.source import LoadedTrajectories, load
from fortifai.leaderboard.schema import AcrossModalities, Leaderboard, RankedRow, Reproduce
from fortifai.records.numbers import RunNumbers
from fortifai.report import tables
from fortifai.report.markdown import environment

FILTERS = ("number", "share", "p_value", "estimate", "share_estimate")
"""The functions of `fortifai.report.tables` that the page's template writes numbers with."""


def rank(numbers: RunNumbers, commands: Sequence[str], loaded: LoadedTrajectories | None = None) -> Leaderboard:
    """Return the leaderboard of a run: scored by its suite's rule, its objectives ranked.

    Args:
        numbers: Of the run.
        commands: What computes it again.
        loaded: Its trajectories, where they were read already.

    Raises:
        UserError: When the run cannot be scored.
    """
    suite = numbers.suite
    table = score_loaded(loaded or load(numbers, None, BASELINE, None, None), BASELINE)
    rows = [row for _, group in groupby(table.rows, key=_group) for row in _ranked(list(group))]
    return Leaderboard(
        suite=suite.name,
        version=suite.version,
        identity=suite.identity,
        rule=suite.rule,
        baseline=BASELINE,
        rows=rows,
        across_modalities=_across_modalities(rows),
        reproduce=_reproduce(numbers, commands),
    )


def page(board: Leaderboard) -> str:
    """Return the Markdown page of a leaderboard."""
    templates = environment("fortifai.leaderboard")
    templates.filters |= {name: getattr(tables, name) for name in FILTERS}
    groups = [(_heading(rows[0]), rows) for rows in (list(group) for _, group in groupby(board.rows, key=_group))]
    return templates.get_template("page.md.j2").render(board=board, groups=groups)


def _group(row: ScoreRow) -> tuple[str | None, ...]:
    return row.modality, row.model, row.regime, row.strategy, row.metric


def _heading(row: ScoreRow) -> str:
    return " · ".join(name for name in (row.modality, row.model, row.regime, row.strategy) if name)


def _ranked(rows: list[ScoreRow]) -> list[RankedRow]:
    """Return rows ranked by FI, the longest first; ties share a rank, and what is unscored comes last without one."""
    lengths = [row.fidelity_interval.value for row in rows if row.fidelity_interval]
    ranked = []
    for row in rows:
        own = row.fidelity_interval
        place = 1 + sum(length > own.value for length in lengths) if own else None
        ranked.append(RankedRow(**{name: getattr(row, name) for name in ScoreRow.model_fields}, rank=place))
    return sorted(ranked, key=lambda row: (row.rank is None, row.rank, row.objective))


def _across_modalities(rows: list[RankedRow]) -> list[AcrossModalities]:
    """Return the geometric means of extension ratios, for every strategy and objective of several modalities."""
    if len({row.modality for row in rows}) < 2:
        return []
    ratios: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row.extension_ratio and row.extension_ratio.value > 0:
            ratios[row.strategy or "", row.objective][row.modality or ""].append(row.extension_ratio.value)
    across = []
    for (strategy, objective), by_modality in sorted(ratios.items()):
        means = {modality: geometric_mean(values) for modality, values in sorted(by_modality.items())}
        if len(means) > 1:
            mean = geometric_mean(means.values())
            across.append(AcrossModalities(strategy=strategy or None, objective=objective, geometric_mean=mean, modalities=means))
    return across


def _reproduce(numbers: RunNumbers, commands: Sequence[str]) -> Reproduce:
    chains = numbers.chains
    by_regime = {name: [chain for chain in chains if chain.regime == name] for name in sorted({chain.regime for chain in chains})}
    used = {numbers.machines[chain.machine].commit for chain in chains}
    return Reproduce(
        fortifai=numbers.fortifai,
        commands=list(commands),
        seeds={regime: len({chain.seed for chain in own}) for regime, own in by_regime.items()},
        generations={regime: max(chain.horizon for chain in own) for regime, own in by_regime.items()},
        data={regime: sorted({chain.data_hash for chain in own}) for regime, own in by_regime.items()},
        nulls={null.regime: null.value for null in numbers.nulls},
        commits=sorted(filter(None, used)),
    )
