"""Runs and entries to leaderboard pages. The same numbers give the same bytes: nothing here knows the time or the machine."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from statistics import geometric_mean

from fortifai.errors import UserError
from fortifai.fidelity.rule import BASELINE
from fortifai.fidelity.scores import ScoreRow
from fortifai.fidelity.scoring import score
from fortifai.leaderboard.schema import AcrossModalities, Leaderboard, RankedRow, Reproduce
from fortifai.leaderboard.site import Published, write_site
from fortifai.records.entry import ENDING, Entry
from fortifai.records.entry_file import is_entry, read_entry
from fortifai.records.layout import SUITE_FILE
from fortifai.records.numbers import RunNumbers
from fortifai.records.run_numbers import numbers_of
from fortifai.report import tables
from fortifai.report.commands import commands_of
from fortifai.report.markdown import environment, write_page
from fortifai.sanitise import is_exploration

FILTERS = ("number", "share", "p_value", "estimate", "share_estimate")
"""The functions of `fortifai.report.tables` that the page's template writes numbers with."""


RUN = "run"
"""What a run that is not an entry is called beside entries of its suite."""

NOT_PUBLISHED = "is of explore seeds, which settings are chosen on; a published table rests on the suite's other seeds"


def build(sources: Path, out: Path, remark: Callable[[str], None] = lambda text: None) -> list[Path]:
    """Write the board: ``index.html`` across suites, and a folder ``<suite>@<version>`` for every run and every entry.

    The folder has ``index.html``, ``README.md`` and ``leaderboard.json``; where a suite has several entries, each has a folder of
    its method's name below it.

    A run is read as the numbers that its entry would hold, so that both give the same bytes. Nothing of an entry is run. Runs of
    explore seeds are left out.

    Args:
        sources: A folder of run folders and entries, or one of these.
        out: The folder of the board.
        remark: Called with what was left out, and why.

    Returns:
        The paths written.

    Raises:
        UserError: When there is none, one cannot be read or scored, two are of one suite and method, or the pages cannot be
            written; then no page is half written.
    """
    sources, out = Path(sources), Path(out)
    found = list(_published(_sources(sources), remark))
    if not found:
        raise UserError(f"{sources}: {NOT_PUBLISHED}")
    written = write_site(found, out)
    for one in found:
        written.append(write_page(out / one.folder / "leaderboard.json", one.board.model_dump_json(indent=2) + "\n"))
        written.append(write_page(out / one.folder / "README.md", page(one.board)))
    return written


def _published(sources: Sequence[Path], remark: Callable[[str], None]) -> Iterator[Published]:
    """Yield what is published: alone of its suite in the suite's folder, beside others in one of its method's name below that."""
    read: list[tuple[Path, Entry | None, RunNumbers]] = []
    for source in sources:
        entry = read_entry(source) if is_entry(source) else None
        numbers = numbers_of(source) if entry is None else entry.numbers
        if is_exploration(numbers.suite.identity):
            remark(f"{source}: left out: it {NOT_PUBLISHED}")
        else:
            read.append((source, entry, numbers))
    alike = Counter(numbers.suite.identity for _, _, numbers in read)
    places: dict[str, Path] = {}
    for source, entry, numbers in read:
        identity = numbers.suite.identity
        method = None if entry is None else entry.submission.method
        folder = identity if alike[identity] == 1 else f"{identity}/{method or RUN}"
        if folder in places:
            raise UserError(f"{places[folder]} and {source} are both runs of {identity}; build them one at a time")
        places[folder] = source
        yield Published(source, folder, method, entry, numbers, rank(numbers))


def _sources(path: Path) -> list[Path]:
    if is_entry(path) or (path / SUITE_FILE).is_file():
        return [path]
    runs = [file.parent for file in path.glob(f"[!.]*/{SUITE_FILE}")]
    sources = sorted([*runs, *(file for file in path.glob(f"[!.]*{ENDING}") if is_entry(file))])
    if not sources:
        raise UserError(
            f"{path}: no run in it, and no entry: expected folders with a {SUITE_FILE}, as `fortifai run ... --out {path}` "
            f"writes, or files that end in {ENDING}, as `fortifai leaderboard submit` does"
        )
    return sources


def rank(numbers: RunNumbers) -> Leaderboard:
    """Return the leaderboard of a run: scored by its suite's rule, its objectives ranked.

    Raises:
        UserError: When the run cannot be scored.
    """
    suite = numbers.suite
    rows = [row for _, group in groupby(score(numbers, baseline=BASELINE).rows, key=_group) for row in _ranked(list(group))]
    return Leaderboard(
        suite=suite.name,
        version=suite.version,
        identity=suite.identity,
        rule=suite.rule,
        baseline=BASELINE,
        rows=rows,
        across_modalities=_across_modalities(rows),
        reproduce=_reproduce(numbers),
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


def _reproduce(numbers: RunNumbers) -> Reproduce:
    chains = numbers.chains
    by_regime = {name: [chain for chain in chains if chain.regime == name] for name in sorted({chain.regime for chain in chains})}
    used = {numbers.machines[chain.machine].commit for chain in chains}
    return Reproduce(
        fortifai=numbers.fortifai,
        commands=commands_of(numbers),
        seeds={regime: len({chain.seed for chain in own}) for regime, own in by_regime.items()},
        generations={regime: max(chain.horizon for chain in own) for regime, own in by_regime.items()},
        data={regime: sorted({chain.data_hash for chain in own}) for regime, own in by_regime.items()},
        nulls={null.regime: null.value for null in numbers.nulls},
        commits=sorted(filter(None, used)),
    )
