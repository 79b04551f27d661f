"""How far the chains of a run are, read from its folder alone, while it runs or after."""

from pathlib import Path
from typing import Any

from fortifai.errors import UserError
from fortifai.records.layout import FAILURE_FILE
from fortifai.records.reading import chain_folders, progress_of, read_chain, read_manifest, read_recorded
from fortifai.records.schema import ChainRecord, FailureRecord


def read_status(run: Path) -> list[dict[str, Any]]:
    """Return every chain that was started or should be there, ordered by regime, strategy, objective and seed.

    Of each: what it is, its state, how many generations are done, and why it ended early. One that the manifest names and whose
    folder is gone is "missing".
    """
    manifest = read_manifest(run)
    listed = {} if manifest is None else {entry.id: entry.model_dump() for entry in manifest.chains}
    chains = []
    for folder in chain_folders(run):
        entry = listed.pop(folder.name, None)
        chain = read_chain(folder)
        if chain is not None:
            chains.append(_started(folder, chain))
        elif entry is not None:
            chains.append({**entry, "horizon": 0, "state": "damaged", "finished": 0, "reason": "its chain.json cannot be read"})
    gone = {"horizon": 0, "state": "missing", "finished": 0, "reason": "its folder is gone; the same run computes it again"}
    chains += [{**entry, **gone} for entry in listed.values()]
    return sorted(chains, key=lambda chain: (chain["regime"], chain["strategy"], chain["objective"], chain["seed"]))


def _started(folder: Path, chain: ChainRecord) -> dict[str, Any]:
    recorded = read_recorded(folder, chain)
    progress = progress_of(folder, chain.horizon, recorded)
    reason = recorded.records[-1].reason if recorded.records else None
    if progress.state == "damaged":
        reason = recorded.damage
    if progress.state == "failed":
        reason = _failure(folder)
    named = {key: getattr(chain, key) for key in ("id", "regime", "strategy", "objective", "seed", "horizon")}
    return {**named, "state": progress.state, "finished": progress.finished, "reason": reason}


def _failure(folder: Path) -> str:
    try:
        return FailureRecord.load(folder / FAILURE_FILE).reason
    except UserError as error:
        return str(error)
