"""A run on disk: one folder for a suite, with the suite itself, its nulls, and a folder for each chain."""

import json
import os
from pathlib import Path
from statistics import median
from typing import Any

import fortifai
from fortifai.config import Role
from fortifai.errors import UserError
from fortifai.files import write_text
from fortifai.planning.chains import PlannedChain
from fortifai.planning.identity import PROTOCOL_VERSION
from fortifai.planning.suite import Regime, Suite
from fortifai.records.reading import Progress, progress_of, read_chains, read_records
from fortifai.records.schema import NullRecord, SuiteDescription, SuiteRecord


class RunFolder:
    """``<out>/<suite>@<version>``, which may not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, out: str | Path, suite: Suite) -> "RunFolder":
        """Return the folder that a suite runs in below ``out``."""
        return cls(Path(out) / suite.tag)

    def create(self) -> None:
        """Make the folder. Raises UserError when it cannot be made or written."""
        try:
            (self.path / "nulls").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.path}: cannot be made: {error.strerror}; choose another --out") from None
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise UserError(f"{self.path}: cannot be written; choose another --out")

    def check_owner(self, suite: Suite) -> None:
        """Raise UserError if the folder holds another suite of the same name and version, or chains of another protocol."""
        if not (self.path / "suite.json").exists():
            return
        held = SuiteRecord.load(self.path / "suite.json").suite.model_dump(mode="json")
        if differs := _differences(held["regimes"], describe(suite)["regimes"]):
            raise UserError(
                f"{self.path} holds another suite of this name and version, which differs in {', '.join(differs)}; "
                "raise the suite's version, or choose another --out"
            )
        protocols = {chain.identity.get("protocol") for chain in read_chains(self.path)}
        if other := sorted(map(str, protocols - {PROTOCOL_VERSION})):
            raise UserError(
                f"{self.path} holds chains of protocol {', '.join(other)}, and this fortifai runs protocol {PROTOCOL_VERSION}: "
                "they can be scored and reported, but not continued; choose another --out"
            )

    def claim(self, suite: Suite) -> None:
        """Write whose folder it is."""
        record = SuiteRecord(fortifai=fortifai.__version__, suite=SuiteDescription(**describe(suite)))
        write_text(self.path / "suite.json", record.model_dump_json(indent=2) + "\n")

    def chain_of(self, planned: PlannedChain) -> Path:
        """Return the folder of a chain."""
        return self.path / planned.identity()[0]

    def progress(self, chain_id: str, horizon: int) -> Progress:
        """Return where a chain stands on its way to a horizon."""
        folder = self.path / chain_id
        return progress_of(folder, horizon, read_records(folder))

    def measured(self, regime: str) -> list[tuple[int, float]]:
        """Return the training size and the seconds of every generation that a regime has run."""
        chains = (chain for chain in read_chains(self.path) if chain.regime == regime)
        records = (record for chain in chains for record in read_records(self.path / chain.id))
        return [(record.training.size, sum(record.seconds.values())) for record in records if record.training]

    def null(self, regime: str, metric: str, n: int, data_hash: str) -> NullRecord | None:
        """Return a regime's null, or None if it was not measured, or measured for another metric, size or data.

        Args:
            regime: The regime.
            metric: Its fidelity metric.
            n: Samples in each null.
            data_hash: Hash of the real data.
        """
        file = self._null_file(regime)
        if not file.exists():
            return None
        null = NullRecord.load(file)
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
        write_text(self._null_file(regime), null.model_dump_json(indent=2) + "\n")
        return null

    def _null_file(self, regime: str) -> Path:
        return self.path / "nulls" / f"{regime}.json"


def describe(suite: Suite) -> dict[str, Any]:
    """Return the suite as it is stored: its name, version, rule and identity, and each regime in full."""
    regimes = {regime.name: json.loads(regime.model_dump_json()) for regime in suite.regimes}
    plain = {"name": suite.name, "version": suite.version, "summary": suite.summary, "rule": suite.rule}
    return {**plain, "identity": suite.tag, "overrides": suite.overrides, "regimes": regimes}


def _differences(held: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Name the regimes' fields that decide the numbers and are not the same."""
    deciding = [name for name, info in Regime.model_fields.items() if Role.IDENTITY in info.metadata]
    shared = held.keys() & wanted.keys()
    return sorted(f"{name}.{key}" for name in shared for key in deciding if held[name].get(key) != wanted[name][key])
