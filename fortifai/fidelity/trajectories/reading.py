"""Run folders and files, read into curves: of every metric along every chain."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fortifai.errors import UserError
from fortifai.fidelity.trajectories.curves import MASKED_SHARE, Curve, Group, Trajectories, in_order
from fortifai.fidelity.trajectories.files import read_file, read_folder, tables_in
from fortifai.fidelity.trajectories.generation_zero import with_generation_zero
from fortifai.fidelity.trajectories.outside import AS_IT_IS, Reading, from_outside
from fortifai.fidelity.trajectories.table import Column, Table
from fortifai.fidelity.trajectories.wandb import is_chart
from fortifai.fidelity.trajectories.wide import names_generations
from fortifai.limits import is_explore_seed
from fortifai.records.entry_file import is_entry, read_entry
from fortifai.records.numbers import Columns, RunNumbers, columns_of
from fortifai.records.reading import progress_of
from fortifai.records.schema import ChainRecord
from fortifai.records.verification import verify_run

STATES = {"done": "complete", "diverged": "diverged"}
"""How a chain that can be scored ended; one in any other state is incomplete."""

ChainWithRecords = tuple[ChainRecord, Columns, str]
"""A chain, its records, and its state."""

CHAIN_FIELDS = (*Group._fields, "objective", "seed")
"""What tells one chain from another."""


def is_run(path: Path) -> bool:
    """Return whether a path is to be read as a run folder: any folder but one that only holds tables."""
    return path.is_dir() and ((path / "suite.json").exists() or not tables_in(path))


def read(path: str | Path, reading: Reading = AS_IT_IS) -> Trajectories:
    """Return a run folder, a file or a folder of files as curves.

    Args:
        path: A run folder; an entry of a leaderboard; a file of comma or tab-separated fields, JSON lines or Parquet, compressed
            by gzip or not; or a folder of such files.
        reading: What the user said of the columns and generations of a file; a run folder needs none of it.

    Raises:
        UserError: When it is none of these, or is broken.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: no such run folder or CSV file")
    if is_entry(path):
        _require_as_it_is(path, reading)
        return read_numbers(read_entry(path).numbers, str(path))
    if not is_run(path):
        return read_table(read_folder(path) if path.is_dir() else read_file(path), reading)
    _require_as_it_is(path, reading)
    return read_run(path)


def _require_as_it_is(path: Path, reading: Reading) -> None:
    if reading != AS_IT_IS:
        raise UserError(
            f"{path}: is a run, whose columns and generations are known; --column, --run-name, --first-generation and "
            "--generation-zero are for other files"
        )


def read_table(table: Table, reading: Reading = AS_IT_IS) -> Trajectories:
    """Return a table from outside as curves, with the generation 0 that lies in another file.

    Args:
        table: Any table of trajectories.
        reading: What the user said of it.

    Raises:
        UserError: When either of the two cannot be read, or they do not belong together.
    """
    series = from_outside(table, reading)
    if reading.generation_zero is None:
        return series
    if reading.first_generation:
        raise UserError("--first-generation says which generation of the file is 0, and --generation-zero that 0 lies elsewhere")
    path = Path(reading.generation_zero)
    if not path.is_file():
        raise UserError(f"{path}: no such file to read generation 0 from")
    zero = read_file(path)
    columns = {ours: theirs for ours, theirs in reading.columns.items() if theirs in zero.columns}
    if "generation" not in columns and not is_chart(zero.columns) and not names_generations(zero.columns):
        zero = zero.assign(generation=Column.constant("0", len(zero)))
    run_name = reading.run_name if is_chart(zero.columns) else None
    return with_generation_zero(series, from_outside(zero, Reading(columns, run_name=run_name)).curves, str(path))


def read_run(path: str | Path) -> Trajectories:
    """Return a run folder as curves.

    A chain without a single record has generation 0, without a value, so that it is seen and counted as incomplete.
    Only the fidelity metric carries ``better`` and ``null``.

    Raises:
        UserError: When the folder is not a run, has no chains, mixes suites, or holds one chain twice.
    """
    run = Path(path)
    verification = verify_run(run, files=False)
    verification.require_undamaged(run)
    chains = [
        (
            read.chain,
            columns_of(list(read.recorded.records)),
            progress_of(read.folder, read.chain.horizon, read.recorded).state,
        )
        for read in verification.chains
    ]
    missing = [str(finding) for finding in verification.of("missing")]
    return _of_chains(chains, str(run), missing, unverified=bool(verification.of("unverified")))


def read_numbers(numbers: RunNumbers, source: str) -> Trajectories:
    """Return the numbers of a run as curves: those that `read_run` returns for its folder, with its suite's rule.

    Args:
        numbers: Of the run.
        source: What errors call it.

    Raises:
        UserError: There are no chains, or one is there twice.
    """
    chains = [(numbers.record(chain), chain.generations, chain.state) for chain in numbers.chains]
    trajectories = _of_chains(chains, source, numbers.missing, unverified=not all(chain.has_hashes for chain, *_ in chains))
    return replace(trajectories, rule=numbers.suite.rule)


def _of_chains(chains: Sequence[ChainWithRecords], source: str, missing: list[str], *, unverified: bool) -> Trajectories:
    if not chains:
        raise UserError(f"{source}: no chains in it yet; run the suite first")
    ids: dict[tuple[object, ...], str] = {}
    for chain, *_ in chains:
        coordinates = tuple(getattr(chain, name) for name in CHAIN_FIELDS)
        first = ids.setdefault(coordinates, chain.id)
        if first != chain.id:
            raise UserError(
                f"{source}: chains {first} and {chain.id} are both {chain.objective} under {chain.strategy}, seed {chain.seed}, "
                "with different settings or data; remove the one that does not belong"
            )
        if chain.null is not None and not math.isfinite(chain.null):
            raise UserError(f"{source}: the null of chain {chain.id} must be finite")
    remarks = []
    if missing:
        remarks.append(f"not whole: {missing[0]} is missing{f', and {len(missing) - 1} more' if len(missing) > 1 else ''}")
    if unverified:
        remarks.append("unverified: the run is of a version that carries no hashes")
    if any(is_explore_seed(chain.seed) for chain, *_ in chains):
        remarks.append(
            "explored: of seeds that settings are chosen on; the suite's other seeds confirm what was chosen, or do not"
        )
    return Trajectories(in_order(curve for chain in chains for curve in _curves(*chain)), remarks)


def _curves(chain: ChainRecord, columns: Columns, state: str) -> Iterator[Curve]:
    """Yield the curves of a chain, of every metric that any of its generations has."""
    values = {**columns.metrics, MASKED_SHARE: columns.masked_share} if len(columns) else {}
    values.setdefault(chain.fidelity_metric, [None] * max(len(columns), 1))
    for metric, column in values.items():
        is_scored = metric == chain.fidelity_metric
        every = 1 if is_scored or metric == MASKED_SHARE else chain.measure_every
        yield Curve(
            group=Group(*(getattr(chain, name) for name in Group._fields)),
            objective=chain.objective,
            seed=chain.seed,
            metric=metric,
            generation=np.arange(len(column), dtype=float)[::every],
            value=np.array(column, dtype=float)[::every],
            null=chain.null if is_scored and chain.null is not None else math.nan,
            better=chain.better if is_scored else None,
            state=STATES.get(state, "incomplete"),
            horizon=chain.horizon,
        )
