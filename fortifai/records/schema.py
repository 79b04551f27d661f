"""Every file that a run leaves, field by field. The runner writes with these models, and the scorer reads with them.

Version 2 carries hashes, by which a run folder shows that it is whole. One of version 1 is read, and said to be unverified. In
version 3 chains share generations 0.
"""

from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field

from fortifai.errors import UserError
from fortifai.files import write_text
from fortifai.records.hashing import content_hash
from fortifai.storage import Better, Number, Stored, StoredFile


class SuiteDescription(Stored):
    """The suite as it was run: the fields named here, and all the others of the suite file."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(description="the suite's name")
    version: int | str = Field(description="the suite's version, which changes whenever its numbers may")
    rule: str = Field(description="when a chain counts as collapsed, such as phi<0.75")
    identity: str = Field(description="name@version, with +hash behind it when settings were overridden")
    overrides: dict[str, Any] = Field(default_factory=dict, description="the user's settings, by key")


class RunFile(StoredFile):
    """Base of the files of a run folder."""

    readable: ClassVar[tuple[int, ...]] = (1, 2, 3)
    schema_version: int = Field(3, alias="schema", description="schema version of this file")

    hash: str | None = Field(None, description="SHA-256 over all other fields; none in version 1")

    @property
    def has_hashes(self) -> bool:
        """Whether it is of a version that carries hashes."""
        return self.schema_version >= 2

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read one file, as `StoredFile.load` does. Raises UserError too if its hash does not fit its content."""
        file = super().load(path)
        if file.has_hashes and file.hash != file._digest():
            raise UserError(f"{path}: its hash does not fit its content")
        return file

    def write(self, path: Path) -> None:
        """Write the file with its hash; what stood there is replaced as a whole."""
        sealed = self.model_copy(update={"hash": self._digest()})
        write_text(path, sealed.model_dump_json(indent=2) + "\n")

    def _digest(self) -> str:
        return content_hash(self.model_dump(mode="json", exclude={"hash"}))


class SuiteRecord(RunFile):
    """`suite.json`: which suite a run folder belongs to."""

    fortifai: str = Field(description="version of fortifai that started the run")
    suite: SuiteDescription = Field(description="the whole suite")


class ExpectedSpeed(Stored):
    """What generations of one regime were expected to take, on one core or GPU."""

    fixed: float = Field(ge=0, description="seconds of a generation, whatever its training size")
    per_sample: float = Field(ge=0, description="seconds on top for each training sample")
    first: float | None = Field(ge=0, description="seconds of generation 0; null: as of any other of its size")
    basis: Literal["probed", "declared"] = Field(description="by a trial of some seconds, or by the suite file")
    gpu: bool = Field(description="whether they are seconds of a GPU")

    def seconds(self, generation: int, size: int) -> float:
        """Return the seconds that a generation was expected to take."""
        return self.first if generation == 0 and self.first is not None else self.fixed + self.per_sample * size


class EstimateRecord(RunFile):
    """`estimate.json`: what the generations of a run were expected to take, before any of their regime ran."""

    regimes: dict[str, ExpectedSpeed] = Field(description="by the name of the regime")


class NullRecord(RunFile):
    """`nulls/<regime>.json`: the fidelity metric of a model that has lost everything, measured once a regime."""

    regime: str = Field(description="the suite's regime")
    metric: str = Field(description="the fidelity metric")
    n: int = Field(description="samples in each null")
    data_hash: str = Field(description="hash of the data it was measured on")
    values: list[float] = Field(description="the metric of each null: one training sample repeated n times")
    value: float = Field(description="their median, or chance for an accuracy: D_null of the fidelity")


class ChainRecord(RunFile):
    """`<chain>/chain.json`: what one chain is, and where and with what it was run."""

    id: str = Field(description="hash of all that decides the numbers; also the folder's name")
    suite: str = Field(description="identity of the suite")
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
    null: float | None = Field(description="D_null, as in nulls/; null when there is none")
    identity: dict[str, Any] = Field(description="all that the id is a hash of")
    versions: dict[str, str] = Field(description="versions of Python and the libraries that ran it")
    commit: str | None = Field(description="commit of the source, null outside a checkout")
    hardware: dict[str, Any] = Field(description="machine, processor, cores, threads")

    @property
    def measure_every(self) -> int:
        """Every how many generations metrics but the fidelity metric were measured, >= 1."""
        regime = self.identity.get("regime")
        every = regime.get("measure_every", 1) if isinstance(regime, dict) else 1
        return every if isinstance(every, int) and every > 1 else 1


class TrainingRecord(Stored):
    """How the training data of one generation was made up, in samples: one set of it, where a fit goes through several."""

    size: int = Field(description="all samples")
    real: int = Field(description="real ones")
    synthetic: int = Field(description="those that some generation made")
    reused: int = Field(description="of the real ones that it drew, those that an earlier generation of the chain had drawn")


class GenerationRecord(Stored):
    """One line of `<chain>/generations.jsonl`: what was measured on one generation."""

    generation: int = Field(ge=0, description="0 = fitted to real data only")
    status: Literal["ok", "diverged"] = Field(description="diverged: training left the finite numbers, and the chain ends here")
    reason: str | None = Field(None, description="why it diverged")
    metrics: dict[str, Number] = Field(description="what was measured, by name; null where it is not defined")
    masked_share: Number = Field(description="share of elements that the objective masked, in [0, 1]")
    training: TrainingRecord | None = Field(description="how the training data was made up")
    notes: dict[str, Number] = Field(
        default_factory=dict,
        description="what the adapter says of its fit, such as em_iterations; own_nll, observed_0 where an objective asks",
    )
    confidence: dict[str, Any] = Field(
        description="confidence on the generation's own samples (synthetic) and on held-out data (real): mean, quantiles such as "
        "q95, and histogram, the shares of elements in equal bins of [0, 1], of a density p those of p / (1 + p); "
        "earlier versions wrote no histogram"
    )
    seconds: dict[str, float] = Field(
        description="wall-clock time of each step: fit, sample and measure, and compose where a strategy asked models; of a "
        "generation 0 that was shared, only to take it"
    )
    samples_per_second: Number = Field(description="speed of sampling")
    peak_memory_bytes: int | None = Field(description="largest resident memory of the process so far")
    samples_sha256: str | None = Field(None, description="SHA-256 of samples.safetensors; none of a diverged one")
    model_sha256: str | None = Field(None, description="SHA-256 over names and content of the files of model/; none likewise")
    shared: str | None = Field(
        None, description="of a generation 0 that chains share: its folder in generation-0, which says how long its fit took"
    )
    hash: str | None = Field(None, description="SHA-256 over this line and the hash of the one before; the first's is the id")


class SharedRecord(RunFile):
    """`generation-0/<key>/generation.json`: a generation 0 that was fitted once, for every chain that would fit the same."""

    key: str = Field(description="hash of the identity; also the folder's name")
    identity: dict[str, Any] = Field(description="all that decides it, so neither strategy nor horizon")
    training: str = Field(description="SHA-256 of the training set")
    source: str = Field(description="SHA-256 of what its model regenerated")
    record: GenerationRecord = Field(description="as of a chain, without the notes that an objective wants")


class FailureRecord(RunFile):
    """`<chain>/failure.json`: the chain crashed, so it is incomplete: not a collapse, and never scored."""

    reason: str = Field(description="what went wrong, one line")
    generation: int | None = Field(description="the generation that it happened in")
    traceback: str | None = Field(None, description="the traceback, where there is one")


class PicturesRecord(RunFile):
    """`<chain>/pictures.json`: why some of the chain's examples are not there. No number depends on it."""

    interrupted: int = Field(0, ge=0, description="processes in a row that ended while they drew; after two none draws")
    missing: dict[str, str] = Field(default_factory=dict, description="by name of the example, why it was not drawn")


class ManifestEntry(Stored):
    """One chain that a run should have."""

    id: str = Field(description="the chain's id")
    regime: str = Field(description="the suite's regime")
    strategy: str = Field(description="how training data is composed, canonical form")
    objective: str = Field(description="the loss, canonical form")
    seed: int = Field(description="seed of the chain")


class Manifest(RunFile):
    """`manifest.json`: the chains that a run should have, so that one that is gone is missed. Runs add to it."""

    chains: list[ManifestEntry] = Field(description="ordered by id")
