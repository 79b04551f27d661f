"""Whether a run folder is whole: every chain is what its name says, every line and file what was written, and none is gone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple

from fortifai.errors import UserError
from fortifai.files import sha256_of
from fortifai.limits import is_explore_seed
from fortifai.records.hashing import code_in, content_hash, identity_hash
from fortifai.records.layout import (
    CHAIN_FILE,
    CODE,
    ESTIMATE_FILE,
    FAILURE_FILE,
    GENERATION_0,
    MANIFEST_FILE,
    MODEL,
    NULLS,
    RECORDS_FILE,
    SAMPLES_FILE,
    SHARED_FILE,
    generation_name,
)
from fortifai.records.reading import Recorded, chain_folders, read_chain, read_manifest, read_recorded, read_suite, shared_folders
from fortifai.records.schema import ChainRecord, EstimateRecord, FailureRecord, GenerationRecord, NullRecord, SharedRecord
from fortifai.sanitise import is_exploration

MOST_NAMED = 3
"""Damages of a run that an error names."""

Kind = Literal["damaged", "missing", "unverified"]
"""``damaged``: something is not what was written. ``missing``: something that should be there is not. ``unverified``: it is of
a version that carries no hashes, so that damage cannot be seen."""


@dataclass(frozen=True)
class Finding:
    """Something that keeps a run folder from being whole: where, relative to the folder, and what."""

    kind: Kind
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class ReadChain(NamedTuple):
    """A chain that can be read, and its leading records that are whole."""

    folder: Path
    chain: ChainRecord
    recorded: Recorded


@dataclass(frozen=True)
class Verification:
    """What was found in a run folder.

    Attributes:
        findings: Everything that keeps it from being whole.
        chains: What could be read of its chains, ordered by id, so that nobody has to read it twice.
        files: How many kept samples and models were looked at.
    """

    findings: tuple[Finding, ...]
    chains: tuple[ReadChain, ...]
    files: int = 0

    @property
    def records(self) -> int:
        """How many records are whole."""
        return sum(len(read.recorded.records) for read in self.chains)

    def of(self, kind: Kind) -> list[Finding]:
        """Return the findings of one kind."""
        return [finding for finding in self.findings if finding.kind == kind]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is damaged or missing."""
        return not (self.of("damaged") or self.of("missing"))

    @property
    def digest(self) -> str:
        """A hash over all chains and their last records, 64 hexadecimal digits: the same for a run and its entry."""
        heads = {read.chain.id: read.recorded.records[-1].hash if read.recorded.records else None for read in self.chains}
        return content_hash(heads)

    def require_undamaged(self, run: Path) -> None:
        """Raise UserError that names the first damages of a run folder, if there are any."""
        if damaged := self.of("damaged"):
            more = f", and {len(damaged) - MOST_NAMED} more" if len(damaged) > MOST_NAMED else ""
            raise UserError(
                f"{run} is damaged: {'; '.join(map(str, damaged[:MOST_NAMED]))}{more}. `fortifai verify {run}` names everything, "
                "and running the suite again sets the damage aside and computes anew what it took"
            )


def verify_run(run: Path, *, files: bool = True) -> Verification:
    """Verify a run folder.

    Args:
        run: The folder.
        files: Whether to read the kept samples and models too, which is most of the work.

    Raises:
        UserError: It is not a run folder.
    """
    suite = read_suite(run)
    findings: list[Finding] = []
    nulls = _nulls(run, findings)
    chains: list[ReadChain] = []
    checked = 0
    for folder in chain_folders(run):
        try:
            chain = ChainRecord.load(folder / CHAIN_FILE)
        except UserError as error:
            findings.append(Finding("damaged", f"{folder.name}/{CHAIN_FILE}", _without(error, folder / CHAIN_FILE)))
            continue
        if folder.name != chain.id:
            findings.append(Finding("damaged", f"{folder.name}/{CHAIN_FILE}", f"is of chain {chain.id}"))
        findings += chain_findings(f"{folder.name}/{CHAIN_FILE}", chain, suite.suite.identity, nulls)
        findings += _failure_findings(folder)
        recorded = read_recorded(folder, chain)
        chains.append(ReadChain(folder, chain, recorded))
        if recorded.damage is not None:
            findings.append(Finding("damaged", f"{folder.name}/{RECORDS_FILE}", recorded.damage))
        if not chain.has_hashes:
            findings.append(Finding("unverified", folder.name, "of schema version 1, which carries no hashes"))
        if files:
            for record in recorded.records:
                name = generation_name(record.generation)
                found, looked_at = _kept_findings(folder / name, f"{folder.name}/{name}", record)
                findings += found
                checked += looked_at
    for folder in shared_folders(run):
        found, looked_at = _shared_findings(folder, files)
        findings += found
        checked += looked_at
    findings += _code_findings(run, chains)
    findings += _estimate_findings(run)
    findings += _missing(run)
    return Verification(tuple(findings), tuple(chains), checked)


def _code_findings(run: Path, chains: Iterable[ReadChain]) -> Iterator[Finding]:
    """Yield what is wrong with the copies of the files of somebody's own that chains were run with."""
    used: set[tuple[str, str]] = set()
    for read in chains:
        try:
            used.update(code_in(read.chain.identity).items())
        except UserError as error:
            yield Finding("damaged", f"{read.folder.name}/{CHAIN_FILE}", str(error))
    for name, sha256 in sorted(used):
        where, copy = f"{CODE}/{name}", run / CODE / name
        if not copy.is_file() or copy.is_symlink():
            yield Finding("missing", where, "the file that chains were run with is gone")
        elif sha256_of(copy) != sha256:
            yield Finding("damaged", where, "is not the file that chains were run with")


def _estimate_findings(run: Path) -> Iterator[Finding]:
    path = run / ESTIMATE_FILE
    if path.exists() or path.is_symlink():
        try:
            EstimateRecord.load(path)
        except UserError as error:
            yield Finding("damaged", ESTIMATE_FILE, _without(error, path))


def _nulls(run: Path, findings: list[Finding]) -> dict[str, NullRecord]:
    nulls: dict[str, NullRecord] = {}
    for path in sorted((run / NULLS).glob("*.json")):
        where = f"{NULLS}/{path.name}"
        try:
            null = NullRecord.load(path)
        except UserError as error:
            findings.append(Finding("damaged", where, _without(error, path)))
            continue
        nulls[null.regime] = null
        if null.regime != path.stem:
            findings.append(Finding("damaged", where, f"is the null of regime {null.regime!r}"))
        if null.values and median(null.values) != null.value:
            findings.append(Finding("damaged", where, f"its value {null.value} is not the median of its values"))
    return nulls


def chain_findings(where: str, chain: ChainRecord, suite: str, nulls: dict[str, NullRecord]) -> Iterator[Finding]:
    """Yield what is wrong with what a chain says that it is.

    Args:
        where: What findings name.
        chain: The chain.
        suite: Identity of the suite that it should be of.
        nulls: Of its run, by regime.
    """
    identifier = identity_hash(chain.identity)
    if chain.id != identifier:
        yield Finding("damaged", where, f"id {chain.id} and hash of the identity {identifier} are not one")
    for name, value in _identified(chain.identity).items():
        if value is not None and getattr(chain, name) != value:
            yield Finding("damaged", where, f"{name} is {getattr(chain, name)!r}, and in its identity {value!r}")
    if chain.suite != suite:
        yield Finding("damaged", where, f"a chain of {chain.suite} in a run of {suite}")
    if is_explore_seed(chain.seed) != is_exploration(suite):
        kinds = ("to explore with", "that a table rests on")
        kind, others = kinds if is_explore_seed(chain.seed) else kinds[::-1]
        yield Finding("damaged", where, f"seed {chain.seed} is one {kind}, in a run of those {others}")
    null = nulls.get(chain.regime)
    if null is None and chain.has_hashes:
        yield Finding("missing", f"{NULLS}/{chain.regime}.json", f"the null of chain {chain.id}")
    elif (
        null is not None
        and (null.metric, null.data_hash) == (chain.fidelity_metric, chain.data_hash)
        and null.value != chain.null
    ):
        yield Finding("damaged", where, f"its null is {chain.null}, and that of its regime {null.value}")


def _failure_findings(folder: Path) -> Iterator[Finding]:
    if (folder / FAILURE_FILE).exists():
        try:
            FailureRecord.load(folder / FAILURE_FILE)
        except UserError as error:
            yield Finding("damaged", f"{folder.name}/{FAILURE_FILE}", _without(error, folder / FAILURE_FILE))


def _identified(identity: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a chain that its identity says too; None for one that an older identity leaves out."""
    regime = identity.get("regime")
    of_regime = regime if isinstance(regime, dict) else {}
    fields = {name: identity.get(name) for name in ("strategy", "objective", "seed", "data_hash")}
    return {
        **fields,
        "regime": of_regime.get("name"),
        "modality": of_regime.get("modality"),
        "fidelity_metric": of_regime.get("fidelity_metric"),
    }


def _shared_findings(folder: Path, files: bool) -> tuple[list[Finding], int]:
    """Return what is wrong with a generation 0 that chains share, and how many files were looked at."""
    where = f"{GENERATION_0}/{folder.name}"
    if folder.is_symlink():
        return [Finding("damaged", where, "is a link")], 0
    try:
        shared = SharedRecord.load(folder / SHARED_FILE)
    except UserError as error:
        return [Finding("damaged", f"{where}/{SHARED_FILE}", _without(error, folder / SHARED_FILE))], 0
    identifier = identity_hash(shared.identity)
    findings = []
    if not folder.name == shared.key == identifier:
        text = f"folder {folder.name}, key {shared.key} and hash of the identity {identifier} are not one"
        findings.append(Finding("damaged", f"{where}/{SHARED_FILE}", text))
    kept, looked_at = _kept_findings(folder, where, shared.record) if files else ([], 0)
    return findings + kept, looked_at


def _kept_findings(folder: Path, where: str, record: GenerationRecord) -> tuple[list[Finding], int]:
    """Compare what is kept of a generation with the hashes of its record; what is not kept cannot be damaged.

    Args:
        folder: The generation's.
        where: The same, relative to the run folder.
        record: What is recorded of it.
    """
    findings, looked_at = [], 0
    for part, expected in ((SAMPLES_FILE, record.samples_sha256), (MODEL, record.model_sha256)):
        path = folder / part
        if expected is None or not (path.exists() or path.is_symlink()):
            continue
        looked_at += 1
        try:
            whole = sha256_of(path) == expected
        except OSError as error:
            findings.append(Finding("damaged", f"{where}/{part}", f"cannot be read: {error.strerror}"))
            continue
        if not whole:
            findings.append(Finding("damaged", f"{where}/{part}", "is not what its record has the hash of"))
    return findings, looked_at


def _missing(run: Path) -> Iterator[Finding]:
    try:
        manifest = read_manifest(run)
    except UserError as error:
        yield Finding("damaged", MANIFEST_FILE, _without(error, run / MANIFEST_FILE))
        return
    if manifest is None:
        if any(chain is not None and chain.has_hashes for chain in map(read_chain, chain_folders(run))):
            yield Finding("missing", MANIFEST_FILE, "says which chains there should be")
        return
    there = {folder.name for folder in chain_folders(run)}
    for entry in manifest.chains:
        if entry.id not in there:
            name = f"{entry.regime} {entry.strategy} {entry.objective} seed {entry.seed}"
            yield Finding("missing", entry.id, f"the chain {name}")


def _without(error: UserError, path: Path) -> str:
    """Return what an error says of a file, without its path."""
    return str(error).removeprefix(f"{path}: ")
