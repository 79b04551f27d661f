"""One chain on disk: its records, the generations that are kept, and how a stopped or damaged chain resumes."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from fortifai.contract.samples import Samples
from fortifai.errors import Damaged
from fortifai.files import (
    append_line,
    drop_torn_line,
    link_or_copy,
    new_folder,
    remove,
    remove_at_once,
    set_aside,
    sha256_of,
    sweep,
    write_text,
)
from fortifai.records.hashing import seal
from fortifai.records.layout import (
    CHAIN_FILE,
    FAILURE_FILE,
    GENERATION_0,
    MODEL,
    REAL_EXAMPLE,
    RECORDS_FILE,
    SAMPLES_FILE,
    generation_name,
)
from fortifai.records.reading import Recorded, read_chain, read_recorded
from fortifai.records.schema import ChainRecord, FailureRecord, GenerationRecord
from fortifai.recursion.chain import Chain
from fortifai.runner.messages import Keep
from fortifai.runner.pictures import Pictures

GENERATION = re.compile(r"generation-(\d+)")


class ChainFolder:
    """The history of one chain (see `History`), in a folder named by the chain's id.

    Every record carries the hashes of what its generation left, and of the record before it. What is read back is held against
    them: a file that was damaged is set aside, and what hung on it is computed again, to the same bits.

    Args:
        path: The folder.
        chain: What is run in it.
        keep: What stays of its generations.
        remark: Called with what the user should know and what does not stop the chain.
    """

    def __init__(self, path: Path, chain: Chain, keep: Keep, remark: Callable[[str], None]) -> None:
        self._path = path
        self._chain = chain
        self._keep = keep
        self._remark = remark
        self._pictures = Pictures(path, chain.adapter, remark)
        self._records: list[GenerationRecord] = []

    def open(self, record: ChainRecord) -> None:
        """Prepare to run: describe the chain, clear what a crash left, set aside what is damaged, find where to resume."""
        announce(self._path, record)
        remove(self._path / FAILURE_FILE)
        if (self._path / RECORDS_FILE).is_file():
            drop_torn_line(self._path / RECORDS_FILE)
        recorded = read_recorded(self._path, record)
        resumed = recorded.records[: self._resumable(recorded, record.horizon)]
        self._records = resumed
        if recorded.damage is not None or len(resumed) < len(recorded.records):
            self._restart_behind(recorded)
        self._pictures.open()
        sweep(self._path)
        self._pictures.draw(REAL_EXAMPLE, lambda: self._chain.adapter.splits.test.data)
        if resumed:
            self._show_missing(len(resumed) - 1)

    def recorded(self) -> list[GenerationRecord]:
        """Return the records of all finished generations."""
        return list(self._records)

    def samples(self, generation: int) -> Samples:
        """Return what a generation made. Raises Damaged if that is not what its record has the hash of."""
        self._require_whole(generation, SAMPLES_FILE)
        return Samples.load(self._generation(generation) / SAMPLES_FILE)

    def model(self, generation: int) -> object:
        """Return the model of a generation. Raises Damaged if that is not what its record has the hash of."""
        self._require_whole(generation, MODEL)
        return self._chain.adapter.load_model(self._generation(generation) / MODEL)

    def commit(self, record: GenerationRecord, samples: Samples | None, model: object) -> None:
        """Keep a generation: its data is on disk before its record says so, and only then is older data let go.

        Pictures come last: one that cannot be drawn is reported to the user, and costs the generation nothing.
        """
        if samples is not None:
            with new_folder(self._generation(record.generation)) as folder:
                hashes = self._fill(folder, record, samples, model)
            record = record.model_copy(update=hashes)
        previous = self._records[-1].hash if self._records else self._path.name
        line, digest = seal(record.model_dump_json(exclude={"hash"}), previous or "")
        append_line(self._path / RECORDS_FILE, line)
        self._records.append(record.model_copy(update={"hash": digest}))
        self._prune(record.generation)
        if samples is not None:
            self._show_generation(record.generation, lambda: samples, lambda: model)

    def _fill(self, folder: Path, record: GenerationRecord, samples: Samples, model: object) -> dict[str, str]:
        """Write a generation's files, and return their hashes as the record has them; those of a shared one get a second name."""
        if record.shared is not None:
            shared = self._path.parent / GENERATION_0 / record.shared
            for part in (SAMPLES_FILE, MODEL):
                link_or_copy(shared / part, folder / part)
        else:
            samples.save(folder / SAMPLES_FILE)
            (folder / MODEL).mkdir()
            self._chain.adapter.save(model, folder / MODEL)
        return {"samples_sha256": sha256_of(folder / SAMPLES_FILE), "model_sha256": sha256_of(folder / MODEL)}

    def close(self) -> None:
        """End a finished chain: with ``--keep none`` nothing but its records stays."""
        if self._keep == "none":
            for folder in self._kept().values():
                self._let_go(folder)

    def _generation(self, generation: int) -> Path:
        return self._path / generation_name(generation)

    def _kept(self) -> dict[int, Path]:
        named = ((GENERATION.fullmatch(folder.name), folder) for folder in self._path.iterdir())
        return {int(match[1]): folder for match, folder in named if match}

    # Resuming, and what is damaged

    def _resumable(self, recorded: Recorded, horizon: int) -> int:
        """Return how many of the records stay: as many as there is something whole behind to resume from.

        Files that are damaged are set aside on the way. A chain that has nothing left to do needs nothing to resume from.
        """
        finished = len(recorded.records)
        if recorded.damage is None and finished > horizon:
            return finished
        self._records = recorded.records
        for count in range(finished, 0, -1):
            # Each of them is looked at, so that all that are damaged are set aside.
            lacking = [part for generation, part in self._needed(count) if not self._is_whole(generation, part)]
            if not lacking:
                return count
        return 0

    def _needed(self, finished: int) -> Iterator[tuple[int, str]]:
        """Yield what generation ``finished`` reads of those before it."""
        for generation in range(finished) if self._chain.strategy.remembers_all else [finished - 1]:
            yield generation, SAMPLES_FILE
        for generation in {finished - 1, 0} if self._chain.reads_first_model else {finished - 1}:
            yield generation, MODEL

    def _is_whole(self, generation: int, part: str) -> bool:
        """Return whether a file or folder is there and what its record has the hash of; set aside one that is damaged."""
        path = self._generation(generation) / part
        if not (path.exists() or path.is_symlink()):
            return False
        try:
            self._require_whole(generation, part)
        except Damaged as damage:
            self._set_aside(self._generation(generation), str(damage))
            return False
        return True

    def _require_whole(self, generation: int, part: str) -> None:
        record = self._records[generation]
        path = self._generation(generation) / part
        try:
            found = sha256_of(path)
        except FileNotFoundError:
            raise KeyError(f"{part} of generation {generation} was not kept") from None
        except OSError as error:
            raise Damaged(f"{path} cannot be read: {error.strerror}") from error
        if found != (record.samples_sha256 if part == SAMPLES_FILE else record.model_sha256):
            raise Damaged(f"{path} is not what its record has the hash of")

    def _restart_behind(self, recorded: Recorded) -> None:
        """Keep the records that stay, and compute those behind them again."""
        path = self._path / RECORDS_FILE
        if recorded.damage is not None:
            lines = path.read_bytes().split(b"\n")[: len(self._records)] if path.is_file() else []
            self._set_aside(path, recorded.damage)
        else:
            lines = path.read_bytes().split(b"\n")[: len(self._records)]
        if lines:
            write_text(path, b"".join(line + b"\n" for line in lines).decode())
        else:
            remove(path)
        if recorded.records and (again := len(recorded.records) - len(self._records)):
            self._remark(f"{again} generations are computed again, from {len(self._records)} on")

    def _set_aside(self, path: Path, reason: str) -> None:
        """Rename what is damaged, so that nothing stands in the way and nothing is lost, and tell."""
        self._remark(f"set aside as {set_aside(path).name}: {reason}")

    def _prune(self, last: int) -> None:
        if self._keep == "all":
            return
        for generation, folder in self._kept().items():
            if generation >= last:
                continue
            keeps_model = generation == 0 and self._chain.reads_first_model
            keeps_samples = self._keep == "samples" or self._chain.strategy.remembers_all
            if not keeps_model and not keeps_samples:
                self._let_go(folder)
            elif not keeps_model:
                self._let_go(folder / MODEL)
            elif not keeps_samples:
                (folder / SAMPLES_FILE).unlink(missing_ok=True)

    def _let_go(self, folder: Path) -> None:
        """Remove a folder, all of it at once: half a model, which a stop would leave, is a damaged one."""
        remove_at_once(folder, self._path)

    def _show_generation(self, generation: int, samples: Callable[[], Samples], model: Callable[[], object]) -> None:
        chain = self._chain
        self._pictures.draw(generation_name(generation), lambda: chain.adapter.examples(model(), samples(), chain.sampling))

    def _show_missing(self, generation: int) -> None:
        """Draw the examples of a generation whose process was stopped between its record and its picture."""
        if self._pictures.lacks(generation) and self._generation(generation).exists():
            self._show_generation(generation, lambda: self.samples(generation), lambda: self.model(generation))


def announce(path: Path, record: ChainRecord) -> None:
    """Write what a chain is into its folder, so that it is seen before it is run. The horizon never shrinks.

    Raises:
        FileNotFoundError: The run folder is gone.
    """
    path.mkdir(exist_ok=True)
    known = read_chain(path)
    if known is not None and known.horizon > record.horizon:
        record = record.model_copy(update={"horizon": known.horizon})
    if known is None and (path / CHAIN_FILE).exists():
        set_aside(path / CHAIN_FILE)
    record.write(path / CHAIN_FILE)


def mend_null(path: Path, record: ChainRecord) -> None:
    """Write the null of this record to a finished chain that lost its own; all else stays as it was when the chain was run."""
    known = read_chain(path)
    if known is not None and known.null is None:
        known.model_copy(update={"null": record.null}).write(path / CHAIN_FILE)


def note_failure(path: Path, reason: str, trace: str) -> None:
    """Write into a chain's folder why it crashed, for `fortifai status`; running it again clears the note.

    Args:
        path: The chain's folder.
        reason: What went wrong, in one line.
        trace: The traceback.
    """
    chain = read_chain(path)
    generation = None if chain is None else len(read_recorded(path, chain).records)
    failure = FailureRecord(reason=reason, generation=generation, traceback=trace or None)
    failure.write(path / FAILURE_FILE)
