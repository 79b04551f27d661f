"""Run folders to leaderboard pages. The same runs give the same bytes: nothing here knows the time or the machine."""

import shlex
from collections import defaultdict
from itertools import groupby
from pathlib import Path
from statistics import geometric_mean

from fortifai.errors import UserError
from fortifai.fidelity.rule import BASELINE
from fortifai.fidelity.scores import ScoreRow
from fortifai.fidelity.scoring import score
from fortifai.leaderboard.schema import AcrossModalities, Leaderboard, RankedRow, Reproduce
from fortifai.records.reading import read_chains, read_nulls, read_suite
from fortifai.records.schema import ChainRecord, SuiteRecord
from fortifai.report import tables
from fortifai.report.markdown import environment, write_page

FILTERS = ("number", "share", "p_value", "estimate", "share_estimate")
"""The functions of `fortifai.report.tables` that the page's template writes numbers with."""


def build(runs: Path, out: Path) -> list[Path]:
    """Write ``<out>/<suite>@<version>/leaderboard.json`` and ``README.md`` for every run in a folder, or for one run.

    Args:
        runs: A folder of run folders, or one run folder.
        out: The folder that is written to.

    Returns:
        The paths written.

    Raises:
        UserError: When there is no run, a run cannot be scored, two runs are of one suite, or the pages cannot be written;
            then no page is half written.
    """
    runs, out = Path(runs), Path(out)
    single = (runs / "suite.json").is_file()
    folders = [runs] if single else sorted(file.parent for file in runs.glob("[!.]*/suite.json"))
    if not folders:
        raise UserError(f"{runs}: no run in it: expected folders with a suite.json, as `fortifai run ... --out {runs}` writes")
    boards: dict[str, tuple[Path, Leaderboard]] = {}
    for run in folders:
        board = rank(run)
        if board.identity in boards:
            raise UserError(f"{boards[board.identity][0]} and {run} are both runs of {board.identity}; build them one at a time")
        boards[board.identity] = (run, board)
    written = []
    for identity, (_, board) in boards.items():
        written.append(write_page(out / identity / "leaderboard.json", board.model_dump_json(indent=2) + "\n"))
        written.append(write_page(out / identity / "README.md", page(board)))
    return written


def rank(run: Path) -> Leaderboard:
    """Return the leaderboard of a run folder: scored by its suite's rule, its objectives ranked.

    Raises:
        UserError: When the run cannot be scored.
    """
    suite = read_suite(run)
    rows = [row for _, group in groupby(score(run, baseline=BASELINE).rows, key=_group) for row in _ranked(list(group))]
    return Leaderboard(
        suite=suite.suite.name,
        version=suite.suite.version,
        identity=suite.suite.identity,
        rule=suite.suite.rule,
        baseline=BASELINE,
        rows=rows,
        across_modalities=_across_modalities(rows),
        reproduce=_reproduce(run, suite, read_chains(run)),
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


def _reproduce(run: Path, suite: SuiteRecord, chains: list[ChainRecord]) -> Reproduce:
    by_regime = {name: [chain for chain in chains if chain.regime == name] for name in sorted({chain.regime for chain in chains})}
    seeds = {regime: len({chain.seed for chain in own}) for regime, own in by_regime.items()}
    generations = {regime: max(chain.horizon for chain in own) for regime, own in by_regime.items()}
    # One option holds for all regimes; where they differ, the numbers are the suite's own.
    options = [
        f" --{name} {next(iter(values.values()))}"
        for name, values in (("seeds", seeds), ("generations", generations))
        if len(set(values.values())) == 1
    ]
    options += [f" --set {shlex.quote(f'{key}={value}')}" for key, value in sorted(suite.suite.overrides.items())]
    return Reproduce(
        fortifai=suite.fortifai,
        commands=[
            f"pip install {shlex.quote(f'fortifai[torch]=={suite.fortifai}')}",
            f"fortifai run {suite.suite.name} --out runs{''.join(options)}",
            f"fortifai score runs/{suite.suite.identity}",
        ],
        seeds=seeds,
        generations=generations,
        data={regime: sorted({chain.data_hash for chain in own}) for regime, own in by_regime.items()},
        nulls={null.regime: null.value for null in read_nulls(run)},
        commits=sorted({chain.commit for chain in chains if chain.commit}),
    )
