"""From a run folder to its numbers."""

import json
from pathlib import Path
from typing import Any

from fortifai.records.layout import SHARED_FILE
from fortifai.records.numbers import ChainNumbers, Machine, NullNumbers, RunNumbers, Settings, SharedNumbers, columns_of
from fortifai.records.reading import progress_of, read_nulls, read_suite, shared_folders
from fortifai.records.schema import ChainRecord, SharedRecord
from fortifai.records.verification import ReadChain, verify_run

COMPLETED_BY = ("strategy", "objective", "seed", "data_hash")
"""The fields of a chain that its identity says too, so that an identity is kept once for all chains of a regime."""


def numbers_of(run: Path) -> RunNumbers:
    """Return a run folder as numbers.

    Raises:
        UserError: It is not a run folder, or it is damaged.
    """
    suite = read_suite(run)
    verification = verify_run(run, files=False)
    verification.require_undamaged(run)
    settings: dict[str, int] = {}
    machines: dict[str, int] = {}
    chains = [_chain(read, settings, machines) for read in verification.chains]
    return RunNumbers(
        fortifai=suite.fortifai,
        suite=suite.suite,
        nulls=[NullNumbers(**null.model_dump(include=set(NullNumbers.model_fields))) for null in read_nulls(run)],
        settings=[Settings.model_validate_json(text) for text in settings],
        machines=[Machine.model_validate_json(text) for text in machines],
        generations_0=[_shared(SharedRecord.load(folder / SHARED_FILE)) for folder in shared_folders(run)],
        chains=chains,
        missing=[str(finding) for finding in verification.of("missing")],
    )


def _chain(read: ReadChain, settings: dict[str, int], machines: dict[str, int]) -> ChainNumbers:
    chain, records = read.chain, read.recorded.records
    diverged = bool(records) and records[-1].status == "diverged"
    last = records[-1].hash if records else chain.id
    shared = ChainNumbers.model_fields.keys() & ChainRecord.model_fields.keys()
    return ChainNumbers(
        **{name: getattr(chain, name) for name in shared},
        settings=_place(settings, _settings(chain)),
        machine=_place(machines, {"versions": chain.versions, "commit": chain.commit, "hardware": chain.hardware}),
        state=progress_of(read.folder, chain.horizon, read.recorded).state,
        reason=records[-1].reason if diverged else None,
        generation_0=records[0].shared if records else None,
        head=last if chain.has_hashes else None,
        generations=columns_of(records),
    )


def _shared(shared: SharedRecord) -> SharedNumbers:
    record = shared.record
    return SharedNumbers(key=shared.key, seconds=record.seconds, peak_memory_bytes=record.peak_memory_bytes)


def _settings(chain: ChainRecord) -> dict[str, Any]:
    own = {name: getattr(chain, name) for name in COMPLETED_BY}
    completed_by = [name for name in COMPLETED_BY if name in chain.identity and chain.identity[name] == own[name]]
    identity = {name: value for name, value in chain.identity.items() if name not in completed_by}
    return {"identity": identity, "completed_by": completed_by}


def _place(places: dict[str, int], content: dict[str, Any]) -> int:
    """Return the place of some content among others, to which it is added when it is new."""
    return places.setdefault(json.dumps(content, sort_keys=True), len(places))
