"""A run as numbers alone: what its chains are and what was measured of them, without samples, models and pictures."""

from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from fortifai.records.schema import ChainRecord, GenerationRecord, NullRecord, SuiteDescription, TrainingRecord
from fortifai.storage import Better, Stored

Column = list[float | None]
"""One number a generation, from generation 0 on; None where it is not defined."""

Scalar = str | int | float | bool | None

RecordedState = Literal["pending", "partial", "done", "diverged", "failed"]
"""Where a chain stands that is not damaged."""


class Exact(Stored):
    """Base of what holds numbers as they were measured: finite, to the last bit."""

    model_config = ConfigDict(allow_inf_nan=False)


class Columns(Exact):
    """A chain's records, a list for each quantity: the first number is that of generation 0."""

    metrics: dict[str, Column] = Field(description="every metric by name; null where it is not defined")
    masked_share: Column = Field(description="share of elements that the objective masked, in [0, 1]")
    notes: dict[str, Column] = Field(description="what the adapter says of its fits, by name")
    seconds: dict[str, Column] = Field(
        description="wall-clock seconds of each step, by name; of a generation 0 that chains share, those of taking it"
    )
    peak_memory_bytes: list[int | None] = Field(description="largest resident memory of the process so far")
    training: dict[str, list[int | None]] = Field(description="samples of the training set: size, real, synthetic, reused")

    def __len__(self) -> int:
        """Return how many generations are recorded."""
        return len(self.masked_share)

    @model_validator(mode="after")
    def _of_one_length(self) -> Self:
        columns = {
            "peak_memory_bytes": len(self.peak_memory_bytes),
            **{
                f"{table}.{name}": len(column)
                for table in ("metrics", "notes", "seconds", "training")
                for name, column in getattr(self, table).items()
            },
        }
        for name, length in columns.items():
            if length != len(self):
                raise ValueError(f"{name} has {length} generations, and masked_share {len(self)}")
        return self


class ChainNumbers(Exact):
    """One chain: what it is, and its records."""

    id: str = Field(description="hash of all that decides the numbers")
    modality: str = Field(description="name of the modality")
    model: str = Field(description="short label of the model")
    regime: str = Field(description="the suite's regime")
    strategy: str = Field(description="how training data is composed, canonical form")
    objective: str = Field(description="the loss, canonical form")
    seed: int = Field(description="seed of the chain; chains of equal seed are paired")
    horizon: int = Field(ge=0, description="last generation that was asked for")
    data_hash: str = Field(description="hash of the real data")
    fidelity_metric: str = Field(description="the metric that the suite scores by")
    better: Better = Field(description="direction in which the fidelity metric improves")
    null: float | None = Field(description="D_null, as in nulls; null when there is none")
    settings: int = Field(ge=0, description="which of settings completes its identity")
    machine: int = Field(ge=0, description="which of machines ran it")
    state: RecordedState = Field(description="done and diverged chains are scored; the others are incomplete")
    reason: str | None = Field(description="why it diverged")
    head: str | None = Field(
        description="hash of its last record, which is over all records and the id; the id where there is none; "
        "null when the run is of a version without hashes"
    )
    generation_0: str | None = Field(description="which of generations_0 it begins with; null for one of its own")
    generations: Columns = Field(description="its records, a list for each quantity")


class Settings(Stored):
    """What the identities of chains have in common."""

    identity: dict[str, Any] = Field(description="all that an id is a hash of, but for what the chain itself says")
    completed_by: list[str] = Field(description="the fields of the chain that complete it")


class Machine(Stored):
    """With what and on what chains were run."""

    versions: dict[str, str] = Field(description="versions of Python and the libraries")
    commit: str | None = Field(description="commit of fortifai's source, with +changes behind it when there were some")
    hardware: dict[str, Scalar] = Field(description="machine, processor, cores, threads")


class NullNumbers(Exact):
    """The null of one regime."""

    regime: str = Field(description="the suite's regime")
    metric: str = Field(description="the fidelity metric")
    n: int = Field(description="samples in each null")
    data_hash: str = Field(description="hash of the data it was measured on")
    values: list[float] = Field(description="the metric of each null; none for an accuracy")
    value: float = Field(description="their median, or chance for an accuracy")


class SharedNumbers(Exact):
    """A generation 0 that was fitted once for several chains, whose records hold what was measured of it."""

    key: str = Field(description="hash of all that decides it")
    seconds: dict[str, float] = Field(description="wall-clock seconds of each step")
    peak_memory_bytes: int | None = Field(description="largest resident memory of the process so far")


class RunNumbers(Exact):
    """A run: its suite, its nulls and its chains, control chains among them."""

    fortifai: str = Field(description="version of fortifai that started the run")
    suite: SuiteDescription = Field(description="the suite as it was run, in full")
    nulls: list[NullNumbers] = Field(description="ordered by regime")
    settings: list[Settings] = Field(description="each once; chains refer to them by place, from 0")
    machines: list[Machine] = Field(description="each once; chains refer to them by place, from 0")
    generations_0: list[SharedNumbers] = Field(description="those that chains share, as far as they were kept; ordered by key")
    chains: list[ChainNumbers] = Field(description="ordered by id")
    missing: list[str] = Field(description="what the run should hold and does not")

    @model_validator(mode="after")
    def _refers_to_what_is_there(self) -> Self:
        for chain in self.chains:
            if chain.settings >= len(self.settings) or chain.machine >= len(self.machines):
                raise ValueError(f"chain {chain.id} refers to settings or a machine that are not there")
        return self

    def identity(self, chain: ChainNumbers) -> dict[str, Any]:
        """Return all that a chain's id is a hash of."""
        settings = self.settings[chain.settings]
        own = chain.model_dump(mode="json", include={"strategy", "objective", "seed", "data_hash"})
        return {**settings.identity, **{name: own.get(name) for name in settings.completed_by}}

    def record(self, chain: ChainNumbers) -> ChainRecord:
        """Return what the folder of a chain says of it, without its hash."""
        machine = self.machines[chain.machine]
        return ChainRecord(
            schema_version=ChainRecord.readable[-1] if chain.head else 1,
            **{name: getattr(chain, name) for name in ChainNumbers.model_fields.keys() & ChainRecord.model_fields.keys()},
            suite=self.suite.identity,
            identity=self.identity(chain),
            versions=machine.versions,
            commit=machine.commit,
            hardware=dict(machine.hardware),
        )

    def null_records(self) -> dict[str, NullRecord]:
        """Return the nulls as a run folder has them, by regime."""
        return {null.regime: NullRecord(**null.model_dump()) for null in self.nulls}


def records_of(chain: ChainNumbers) -> list[GenerationRecord]:
    """Return the records of a chain as far as they are numbers; the last one carries the chain's head."""
    columns = chain.generations
    last = len(columns) - 1
    return [
        GenerationRecord(
            generation=generation,
            status="diverged" if chain.state == "diverged" and generation == last else "ok",
            reason=chain.reason if generation == last else None,
            metrics=_at(columns.metrics, generation),
            masked_share=columns.masked_share[generation],
            training=_training(columns, generation),
            notes=_at(columns.notes, generation),
            confidence={},
            seconds={name: value for name, value in _at(columns.seconds, generation).items() if value is not None},
            samples_per_second=None,
            peak_memory_bytes=columns.peak_memory_bytes[generation],
            hash=chain.head if generation == last else None,
        )
        for generation in range(len(columns))
    ]


def columns_of(records: list[GenerationRecord]) -> Columns:
    """Return the records of a chain, which begin at generation 0, as columns."""
    training = [{} if record.training is None else record.training.model_dump() for record in records]
    return Columns(
        metrics=_columns([record.metrics for record in records]),
        masked_share=[record.masked_share for record in records],
        notes=_columns([record.notes for record in records]),
        seconds=_columns([record.seconds for record in records]),
        peak_memory_bytes=[record.peak_memory_bytes for record in records],
        training=_columns(training),
    )


def _columns(rows: list[Any]) -> dict[str, Any]:
    return {name: [row.get(name) for row in rows] for name in sorted({name for row in rows for name in row})}


def _at(columns: dict[str, Column], generation: int) -> dict[str, float | None]:
    return {name: column[generation] for name, column in columns.items()}


def _training(columns: Columns, generation: int) -> TrainingRecord | None:
    row = {name: column[generation] for name, column in columns.training.items()}
    if not row or None in row.values():
        return None
    return TrainingRecord.model_validate(row)
