"""Run folders and files, read into one tidy table: a row for every value of every metric of every generation."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fortifai.errors import UserError
from fortifai.fidelity.trajectories.files import read_file, read_folder, tables_in
from fortifai.fidelity.trajectories.generation_zero import with_generation_zero
from fortifai.fidelity.trajectories.outside import AS_IT_IS, Reading, from_outside
from fortifai.fidelity.trajectories.tidy import CHAIN, MASKED_SHARE, tidy
from fortifai.fidelity.trajectories.wandb import is_chart
from fortifai.fidelity.trajectories.wide import names_generations
from fortifai.limits import is_explore_seed
from fortifai.records.entry_file import is_entry, read_entry
from fortifai.records.numbers import RunNumbers, records_of
from fortifai.records.reading import progress_of
from fortifai.records.schema import ChainRecord, GenerationRecord
from fortifai.records.verification import verify_run

STATES = {"done": "complete", "diverged": "diverged"}
"""How a chain that can be scored ended; one in any other state is incomplete."""

ChainWithRecords = tuple[ChainRecord, Sequence[GenerationRecord], str]
"""A chain, its records, and its state."""

CHAIN_FIELDS = [name for name in CHAIN if name in ChainRecord.model_fields]


def is_run(path: Path) -> bool:
    """Return whether a path is to be read as a run folder: any folder but one that only holds tables."""
    return path.is_dir() and ((path / "suite.json").exists() or not tables_in(path))


def read(path: str | Path, reading: Reading = AS_IT_IS) -> pd.DataFrame:
    """Return a run folder, a file or a folder of files as a tidy table (see `fortifai.fidelity.trajectories.tidy`).

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
        return read_frame(read_folder(path) if path.is_dir() else read_file(path), str(path), reading)
    _require_as_it_is(path, reading)
    return read_run(path)


def _require_as_it_is(path: Path, reading: Reading) -> None:
    if reading != AS_IT_IS:
        raise UserError(
            f"{path}: is a run, whose columns and generations are known; --column, --run-name, --first-generation and "
            "--generation-zero are for other files"
        )


def read_frame(frame: pd.DataFrame, source: str, reading: Reading = AS_IT_IS) -> pd.DataFrame:
    """Return a table from outside as a tidy table, with the generation 0 that lies in another file.

    Args:
        frame: Any table of trajectories, which is not changed.
        source: What errors call it.
        reading: What the user said of it.

    Raises:
        UserError: When either of the two cannot be read, or they do not belong together.
    """
    table = from_outside(frame, source, reading)
    if reading.generation_zero is None:
        return table
    if reading.first_generation:
        raise UserError("--first-generation says which generation of the file is 0, and --generation-zero that 0 lies elsewhere")
    path = Path(reading.generation_zero)
    if not path.is_file():
        raise UserError(f"{path}: no such file to read generation 0 from")
    zero = read_file(path)
    columns = {ours: theirs for ours, theirs in reading.columns.items() if theirs in zero}
    if "generation" not in columns and not is_chart(zero) and not names_generations(zero):
        zero = zero.assign(generation="0")
    run_name = reading.run_name if is_chart(zero) else None
    return with_generation_zero(table, from_outside(zero, str(path), Reading(columns, run_name=run_name)), str(path))


def read_run(path: str | Path) -> pd.DataFrame:
    """Return a run folder as a tidy table.

    A chain without a single record has one row, of generation 0 and no value, so that it is seen and counted as incomplete.
    Only the fidelity metric carries ``better`` and ``null``.

    Raises:
        UserError: When the folder is not a run, has no chains, mixes suites, or holds one chain twice.
    """
    run = Path(path)
    verification = verify_run(run, files=False)
    verification.require_undamaged(run)
    chains = [
        (read.chain, read.recorded.records, progress_of(read.folder, read.chain.horizon, read.recorded).state)
        for read in verification.chains
    ]
    missing = [str(finding) for finding in verification.of("missing")]
    return _tidy_chains(chains, str(run), missing, unverified=bool(verification.of("unverified")))


def read_numbers(numbers: RunNumbers, source: str) -> pd.DataFrame:
    """Return the numbers of a run as a tidy table: the one that `read_run` returns for its folder, and its suite's rule.

    The rule is in ``attrs["rule"]``.

    Args:
        numbers: Of the run.
        source: What errors call it.

    Raises:
        UserError: There are no chains, or one is there twice.
    """
    chains = [(numbers.record(chain), records_of(chain), chain.state) for chain in numbers.chains]
    table = _tidy_chains(chains, source, numbers.missing, unverified=not all(chain.has_hashes for chain, *_ in chains))
    table.attrs["rule"] = numbers.suite.rule
    return table


def _tidy_chains(chains: Sequence[ChainWithRecords], source: str, missing: list[str], *, unverified: bool) -> pd.DataFrame:
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
    table = tidy(pd.concat([_chain_frame(*chain) for chain in chains], ignore_index=True), source)
    remarks = []
    if missing:
        remarks.append(f"not whole: {missing[0]} is missing{f', and {len(missing) - 1} more' if len(missing) > 1 else ''}")
    if unverified:
        remarks.append("unverified: the run is of a version that carries no hashes")
    if any(is_explore_seed(chain.seed) for chain, *_ in chains):
        remarks.append(
            "explored: of seeds that settings are chosen on; the suite's other seeds confirm what was chosen, or do not"
        )
    table.attrs["remarks"] = [*table.attrs["remarks"], *remarks]
    return table


def _chain_frame(chain: ChainRecord, records: Sequence[GenerationRecord], state: str) -> pd.DataFrame:
    values = [{**record.metrics, MASKED_SHARE: record.masked_share} for record in records] or [{}]
    wide = pd.DataFrame(values, dtype=float).rename_axis("generation")
    if chain.fidelity_metric not in wide:
        wide[chain.fidelity_metric] = float("nan")
    long = wide.reset_index().melt("generation", var_name="metric", value_name="value")
    scored = long["metric"] == chain.fidelity_metric
    return long.assign(
        **{name: getattr(chain, name) for name in CHAIN_FIELDS},
        better=scored.map({True: chain.better, False: None}),
        null=scored.map({True: float("nan") if chain.null is None else chain.null, False: float("nan")}),
        state=STATES.get(state, "incomplete"),
        horizon=chain.horizon,
    )
