"""A run on disk: one folder for a suite, with the suite itself, its nulls, and a folder for each chain."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import fortifai
from fortifai.code_files import CodeFile, run_file
from fortifai.config import Role
from fortifai.errors import RunFailed, UserError
from fortifai.files import remove, remove_at_once, set_aside, size_of, sweep, write_bytes
from fortifai.planning.chains import PlannedChain
from fortifai.planning.identity import PROTOCOL_VERSION
from fortifai.planning.plan import Measured
from fortifai.planning.suite import Regime, Suite
from fortifai.records.hashing import code_in
from fortifai.records.layout import (
    CHAIN_FILE,
    CODE,
    GENERATION_0,
    MANIFEST_FILE,
    MODEL,
    NULLS,
    RECORDS_FILE,
    SAMPLES_FILE,
    SHARED_FILE,
    SUITE_FILE,
)
from fortifai.records.reading import Progress, chain_folders, progress_of, read_chain, read_manifest, read_recorded
from fortifai.records.schema import (
    ChainRecord,
    GenerationRecord,
    Manifest,
    ManifestEntry,
    NullRecord,
    SharedRecord,
    SuiteDescription,
    SuiteRecord,
)
from fortifai.sanitise import NAME_RULE, is_name
from fortifai.storage import is_of_later_version


class RunFolder:
    """``<out>/<suite>@<version>``, or another name that the user gives it, which may not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, out: str | Path, suite: Suite, name: str | None = None) -> "RunFolder":
        """Return the folder that a suite runs in.

        Args:
            out: The folder above it.
            suite: The suite.
            name: What the folder is called; None: as the suite's identity, which no other name changes.

        Raises:
            UserError: No folder can have the name.
        """
        if name is not None and not is_name(name):
            raise UserError(f"--name {name!r}: should be {NAME_RULE}")
        return cls(Path(out) / (name or suite.tag))

    def create(self) -> None:
        """Make the folder. Raises UserError when it cannot be made or written."""
        try:
            (self.path / NULLS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.path}: cannot be made: {error.strerror}; choose another --out") from None
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise UserError(f"{self.path}: cannot be written; choose another --out")

    def check_owner(self, suite: Suite) -> None:
        """Raise UserError if the folder holds another suite, even of the same name and version, or chains of another protocol."""
        if not (self.path / SUITE_FILE).exists():
            self._require_of(suite, {chain.suite for chain in self._chains()})
            return
        try:
            held = SuiteRecord.load(self.path / SUITE_FILE).suite.model_dump(mode="json")
        except UserError:
            if is_of_later_version(self.path / SUITE_FILE, SuiteRecord):
                raise  # not to be touched
            # Damaged: `claim` sets it aside; chains are known by what decides their numbers.
            self._require_of(suite, {chain.suite for chain in self._chains()})
            return
        self._require_of(suite, {held["identity"]})
        if differs := _differences(held["regimes"], describe(suite)["regimes"]):
            raise UserError(
                f"{self.path} holds another suite of this name and version, which differs in {', '.join(differs)}; "
                "raise the suite's version, or choose another --out"
            )
        protocols = {chain.identity.get("protocol") for chain in self._chains()}
        if other := sorted(map(str, protocols - {PROTOCOL_VERSION})):
            raise UserError(
                f"{self.path} holds chains of protocol {', '.join(other)}, and this fortifai runs protocol {PROTOCOL_VERSION}: "
                "they can be scored and reported, but not continued; choose another --out"
            )

    def _require_of(self, suite: Suite, held: set[str]) -> None:
        """Raise UserError unless the suites that are held are this one, or none."""
        if others := sorted(held - {suite.tag}):
            raise UserError(f"{self.path} holds {', '.join(others)}, and this is {suite.tag}: choose another --name or --out")

    def claim(self, suite: Suite) -> None:
        """Write whose folder it is."""
        path = self.path / SUITE_FILE
        if path.exists() or path.is_symlink():
            try:
                SuiteRecord.load(path)
            except UserError:
                set_aside(path)
        record = SuiteRecord(fortifai=fortifai.__version__, suite=SuiteDescription(**describe(suite)))
        record.write(self.path / SUITE_FILE)

    def check_code(self, files: Mapping[str, CodeFile]) -> None:
        """Raise UserError if the run began with another content of one of the user's own files."""
        for chain in self._chains():
            for name, began_with in code_in(chain.identity).items():
                if name in files and files[name].sha256 != began_with:
                    raise UserError(
                        f"{files[name].path} has changed since the run in {self.path} began: its SHA-256 was {began_with[:16]} "
                        f"and is {files[name].sha256[:16]}; choose another --out, or put it back "
                        f"(a copy is {self.path / CODE / name})"
                    )

    def keep_code(self, files: Mapping[str, CodeFile]) -> None:
        """Copy the user's own files into the folder, from where workers run them."""
        for name, file in files.items():
            (self.path / CODE).mkdir(exist_ok=True)
            write_bytes(self.path / CODE / name, file.source)

    def run_code(self, files: Mapping[str, str]) -> None:
        """Run the copies of the user's own files, so that names can refer to them.

        Args:
            files: SHA-256 by name.

        Raises:
            UserError: A copy cannot be run, or is not the file that the run began with.
        """
        for name, expected in files.items():
            file = run_file(self.path / CODE / name)
            if file.sha256 != expected:
                raise UserError(f"{file.path} was changed while the run was going: run it again")

    def require_held(self, suite: Suite) -> None:
        """Raise RunFailed if the folder is gone, or holds another suite, while a run is going."""
        try:
            held = SuiteRecord.load(self.path / SUITE_FILE).suite.identity
        except UserError as error:
            raise RunFailed(f"the run folder was lost while it was in use: {error}") from None
        if held != suite.tag:
            raise RunFailed(f"{self.path} has become the folder of {held} while {suite.tag} was run in it")

    def expect(self, chains: Iterable[PlannedChain]) -> None:
        """Add chains to those that the run should have, so that one that is lost is missed."""
        entries = {entry.id: entry for entry in self._manifest()}
        for chain in chains:
            identifier = chain.identity()[0]
            coordinates = {name: getattr(chain, name) for name in ("regime", "strategy", "objective", "seed")}
            entries[identifier] = ManifestEntry(id=identifier, **coordinates)
        manifest = Manifest(chains=[entries[identifier] for identifier in sorted(entries)])
        manifest.write(self.path / MANIFEST_FILE)

    def chain_of(self, planned: PlannedChain) -> Path:
        """Return the folder of a chain."""
        return self.path / planned.identity()[0]

    def has_begun(self, planned: PlannedChain) -> bool:
        """Return whether a chain has anything recorded, and so its generation 0."""
        records = self.chain_of(planned) / RECORDS_FILE
        return records.is_file() and records.stat().st_size > 0

    def progress(self, chain_id: str, horizon: int) -> Progress:
        """Return where a chain stands on its way to a horizon."""
        folder = self.path / chain_id
        chain = read_chain(folder)
        if chain is None:
            return Progress("damaged" if (folder / CHAIN_FILE).exists() else "pending", 0)
        return progress_of(folder, horizon, read_recorded(folder, chain))

    def measured(self, regime: str) -> list[Measured]:
        """Return the training size and the seconds of every generation that a regime has run; of a shared one, once."""
        records: list[GenerationRecord] = []
        shared: set[str] = set()
        for chain in self._chains():
            if chain.regime == regime:
                of_chain = read_recorded(self.path / chain.id, chain).records
                records += [record for record in of_chain if record.shared is None]
                shared |= {record.shared for record in of_chain if record.shared is not None}
        for key in sorted(shared):
            try:
                records.append(SharedRecord.load(self.path / GENERATION_0 / key / SHARED_FILE).record)
            except UserError:  # gone or damaged: there are others to go by
                continue
        return [Measured(r.generation, r.training.size, sum(r.seconds.values())) for r in records if r.training]

    def model_bytes(self, regime: str) -> int | None:
        """Return the bytes of the largest model that is kept of a regime's chains; None: none is."""
        chains = (self.path / chain.id for chain in self._chains() if chain.regime == regime)
        models = (model for chain in chains for model in chain.glob(f"generation-*/{MODEL}"))
        return max(map(size_of, models), default=None)

    def has_generation_0(self, key: str) -> bool:
        """Return whether a generation 0 is there for chains to take over."""
        held = self.path / GENERATION_0 / key
        return (held / SHARED_FILE).exists() and (held / SAMPLES_FILE).exists()

    def let_go_of_generations_0(self, keys: Iterable[str]) -> None:
        """Remove the samples and models of these generations 0, and keep their records."""
        for key in keys:
            shared = self.path / GENERATION_0
            remove_at_once(shared / key / MODEL, shared)
            remove(shared / key / SAMPLES_FILE)

    def sweep(self) -> None:
        """Remove what killed processes left half written of generations 0 and of what came from nodes; nobody else is at it."""
        sweep(self.path)
        sweep(self.path / GENERATION_0)

    def _chains(self) -> list[ChainRecord]:
        """What can be read of the chains; the others are set right when they are run."""
        return [chain for chain in map(read_chain, chain_folders(self.path)) if chain is not None]

    def _manifest(self) -> list[ManifestEntry]:
        try:
            manifest = read_manifest(self.path)
        except UserError:  # damaged: written anew, of what is there
            set_aside(self.path / MANIFEST_FILE)
            manifest = None
        if manifest is not None:
            return manifest.chains
        coordinates = ("id", "regime", "strategy", "objective", "seed")
        return [ManifestEntry(**{name: getattr(chain, name) for name in coordinates}) for chain in self._chains()]

    def null(self, regime: str, metric: str, n: int, data_hash: str) -> NullRecord | None:
        """Return a regime's null, or None if it was not measured, or measured for another metric, size or data.

        Args:
            regime: The regime.
            metric: Its fidelity metric.
            n: Samples in each null.
            data_hash: Hash of the real data.
        """
        file = self._null_file(regime)
        try:
            null = NullRecord.load(file)
        except UserError:  # missing or damaged: measured anew, to the same numbers
            return None
        return null if (null.metric, null.n, null.data_hash) == (metric, n, data_hash) else None

    def keep_null(
        self, regime: str, metric: str, n: int, data_hash: str, values: list[float], chance: float | None
    ) -> NullRecord:
        """Record a regime's null: the median of the measured values, or chance.

        Args:
            regime: The regime.
            metric: Its fidelity metric.
            n: Samples in each null.
            data_hash: Hash of the data it was measured on.
            values: The metric of each null; none for an accuracy.
            chance: What a useless model scores, for an accuracy.
        """
        value = median(values) if chance is None else chance
        null = NullRecord(regime=regime, metric=metric, n=n, data_hash=data_hash, values=values, value=value)
        null.write(self._null_file(regime))
        return null

    def _null_file(self, regime: str) -> Path:
        return self.path / NULLS / f"{regime}.json"


def describe(suite: Suite) -> dict[str, Any]:
    """Return the suite as it is stored: its name, version, rule and identity, and each regime in full."""
    regimes = {regime.name: json.loads(regime.model_dump_json()) for regime in suite.regimes}
    plain = {"name": suite.name, "version": suite.version, "summary": suite.summary, "rule": suite.rule}
    return {**plain, "identity": suite.tag, "overrides": suite.overrides, "regimes": regimes}


def _differences(held: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Name the regimes' fields that decide the numbers and are not the same."""
    deciding = [name for name, info in Regime.model_fields.items() if Role.IDENTITY in info.metadata]
    shared = held.keys() & wanted.keys()
    return sorted(f"{name}.{key}" for name in shared for key in deciding if held[name].get(key) != wanted[name].get(key))
