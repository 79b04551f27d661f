"""How far the chains of a run are, read from its folder alone, while it runs or after."""

from pathlib import Path
from typing import Any

from fortifai.records.reading import progress_of, read_chains, read_records
from fortifai.records.schema import FailureRecord


def read_status(run: Path) -> list[dict[str, Any]]:
    """Return every chain that was started: what it is, its state, how many generations are done, and why it ended early."""
    chains = []
    for chain in read_chains(run):
        folder = run / chain.id
        records = read_records(folder)
        progress = progress_of(folder, chain.horizon, records)
        reason = records[-1].reason if records else None
        if progress.state == "failed":
            reason = FailureRecord.load(folder / "failure.json").reason
        named = {key: getattr(chain, key) for key in ("id", "regime", "strategy", "objective", "seed", "horizon")}
        chains.append({**named, "state": progress.state, "finished": progress.finished, "reason": reason})
    return sorted(chains, key=lambda chain: (chain["regime"], chain["strategy"], chain["objective"], chain["seed"]))
