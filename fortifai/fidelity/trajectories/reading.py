"""Run folders and CSV files, read into one tidy table: a row for every value of every metric of every generation."""

from pathlib import Path

import pandas as pd

from fortifai.errors import UserError
from fortifai.fidelity.trajectories.tidy import CHAIN, MASKED_SHARE, tidy
from fortifai.records.reading import progress_of, read_chains, read_records, read_suite
from fortifai.records.schema import ChainRecord

STATES = {"done": "complete", "diverged": "diverged"}
"""How a chain that can be scored ended; one in any other state is incomplete."""

QUOTING_HINT = '; a name with a comma in it has to be quoted, as in "tce-online:dimensions=7,gain=1"'
OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}

CHAIN_FIELDS = [name for name in CHAIN if name in ChainRecord.model_fields]


def read(path: str | Path) -> pd.DataFrame:
    """Return a run folder or a CSV file as a tidy table (see `fortifai.fidelity.trajectories.tidy`).

    Raises:
        UserError: When it is neither, or is broken.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: no such run folder or CSV file")
    return read_run(path) if path.is_dir() else read_csv(path)


def read_run(path: str | Path) -> pd.DataFrame:
    """Return a run folder as a tidy table.

    A chain without a single record has one row, of generation 0 and no value, so that it is seen and counted as incomplete.
    Only the fidelity metric carries ``better`` and ``null``.

    Raises:
        UserError: When the folder is not a run, has no chains, mixes suites, or holds one chain twice.
    """
    run = Path(path)
    suite = read_suite(run).suite.identity
    chains = read_chains(run)
    if not chains:
        raise UserError(f"{run}: no chains in it yet; run the suite first")
    ids: dict[tuple[object, ...], str] = {}
    for chain in chains:
        if chain.suite != suite:
            raise UserError(f"{run / chain.id}: a chain of {chain.suite} in a run of {suite}; keep each suite in its own folder")
        coordinates = tuple(getattr(chain, name) for name in CHAIN_FIELDS)
        first = ids.setdefault(coordinates, chain.id)
        if first != chain.id:
            raise UserError(
                f"{run}: chains {first} and {chain.id} are both {chain.objective} under {chain.strategy}, seed {chain.seed}, "
                "with different settings or data; remove the one that does not belong"
            )
    return tidy(pd.concat([_chain_frame(run / chain.id, chain) for chain in chains], ignore_index=True), str(run))


def read_csv(path: str | Path) -> pd.DataFrame:
    """Return a CSV file of trajectories, from any training stack, as a tidy table.

    Columns: objective, generation, metric, value, and optionally suite, modality, model, regime, strategy, seed, better, null.
    Others are ignored. An empty value, ``nan`` or ``inf`` means that the chain diverged there. A table with a column for each
    metric or for each generation is made long first (`fortifai.fidelity.trajectories.wide`).

    Raises:
        UserError: Naming the line or the column that is wrong.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (OSError, ValueError) as error:
        hint = QUOTING_HINT if "Expected" in str(error) else ""
        raise UserError(f"{path}: cannot be read as CSV: {str(error).strip()}{hint}") from None
    if not isinstance(frame.index, pd.RangeIndex):  # pandas reads the fields in excess as names of the rows
        raise UserError(f"{path}, line 2: more fields than the first line has columns{QUOTING_HINT}")
    if len(frame.columns) == 1 and (other := _separator(str(frame.columns[0]))):
        raise UserError(f"{path}: its columns are separated by {other}, and should be by commas")
    frame.index = pd.Index([f"line {number}" for number in range(2, len(frame) + 2)])
    return tidy(frame, str(path))


def _separator(line: str) -> str | None:
    """Return the name of what a first line without commas is separated by instead, or None."""
    return next((name for sign, name in OTHER_SEPARATORS.items() if sign in line), None)


def _chain_frame(folder: Path, chain: ChainRecord) -> pd.DataFrame:
    records = read_records(folder)
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
        state=STATES.get(progress_of(folder, chain.horizon, records).state, "incomplete"),
        horizon=chain.horizon,
    )
