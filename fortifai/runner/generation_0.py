"""Generations 0 on disk: each is fitted once, by the first chain that needs it, and taken over by all others."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fortifai.contract import checks
from fortifai.contract.modality import AnyModality
from fortifai.contract.samples import Samples
from fortifai.errors import Damaged, UserError
from fortifai.files import offered_folder, remove, set_aside, sha256_of
from fortifai.records.hashing import identity_hash
from fortifai.records.layout import GENERATION_0, MODEL, SAMPLES_FILE, SHARED_FILE
from fortifai.records.schema import SharedRecord
from fortifai.recursion.generation_0 import Made


class SharedGeneration:
    """A generation 0 (see `Shared`), in ``generation-0/<key>`` of a run folder.

    Its record carries the hashes of its samples and its model. What is damaged is set aside, and computed again.

    Args:
        run: The run folder.
        identity: All that decides the generation, whose hash is the key.
        adapter: The adapter of the chains that share it.
        remark: Called with what the user should know and what does not stop the chain.
    """

    def __init__(self, run: Path, identity: Mapping[str, Any], adapter: AnyModality, remark: Callable[[str], None]) -> None:
        self._identity = dict(identity)
        self._key = identity_hash(identity)
        self._path = run / GENERATION_0 / self._key
        self._adapter = adapter
        self._remark = remark

    def find(self, training: Samples, source: Samples) -> Made[object] | None:
        """Return what is kept, if it is whole and of these samples; see `Shared.find`."""
        held = self.mend()
        if held is None:
            return None
        if (held.training, held.source) != (training.fingerprint(), source.fingerprint()):
            return None
        record = held.record.model_copy(update={"shared": self._key})
        if record.status == "diverged":
            return Made(record)
        if not self._keeps_model():
            remove(self._path)
            return None
        model = self._adapter.load_model(self._path / MODEL)
        return Made(record, Samples.load(self._path / SAMPLES_FILE), model)

    def mend(self) -> SharedRecord | None:
        """Return the record of what is kept, or None where nothing is; what is damaged is set aside."""
        if not (self._path.exists() or self._path.is_symlink()):
            return None
        try:
            return self._load()
        except Damaged as damage:
            with suppress(FileNotFoundError):  # where another process has just set it aside
                self._remark(f"set aside as {GENERATION_0}/{set_aside(self._path).name}: {damage}")
            return None

    def keep(self, made: Made[object], training: Samples, source: Samples) -> None:
        """Keep a generation, unless there is one; see `Shared.keep`."""
        self._path.parent.mkdir(exist_ok=True)
        record = made.record
        with offered_folder(self._path) as folder:
            if made.samples is not None:
                made.samples.save(folder / SAMPLES_FILE)
                (folder / MODEL).mkdir()
                self._adapter.save(made.model, folder / MODEL)
                checks.check_reloaded(self._adapter, made.model, self._adapter.load_model(folder / MODEL))
                hashes = {"samples_sha256": sha256_of(folder / SAMPLES_FILE), "model_sha256": sha256_of(folder / MODEL)}
                record = record.model_copy(update=hashes)
            SharedRecord(
                key=self._key,
                identity=self._identity,
                training=training.fingerprint(),
                source=source.fingerprint(),
                record=record,
            ).write(folder / SHARED_FILE)

    def _keeps_model(self) -> bool:
        """Return whether samples and model were not let go: the model goes first, see `RunFolder.let_go_of_generations_0`."""
        return (self._path / MODEL).exists() or (self._path / MODEL).is_symlink()

    def _load(self) -> SharedRecord:
        """Return the record of what is kept. Raises Damaged unless all of it is what was written."""
        if self._path.is_symlink():
            raise Damaged(f"{self._path} is a link")
        try:
            held = SharedRecord.load(self._path / SHARED_FILE)
        except UserError as error:
            raise Damaged(str(error)) from error
        if not self._key == held.key == identity_hash(held.identity):
            raise Damaged(f"{self._path / SHARED_FILE} is of another generation")
        parts = ((SAMPLES_FILE, held.record.samples_sha256), (MODEL, held.record.model_sha256))
        for part, expected in parts if self._keeps_model() else ():
            path = self._path / part
            try:
                whole = sha256_of(path) == expected
            except OSError as error:
                raise Damaged(f"{path} cannot be read: {error.strerror}") from error
            if not whole:
                raise Damaged(f"{path} is not what its record has the hash of")
        return held
