"""One chain on disk: its records, the generations that are kept, and how a stopped chain resumes."""

import re
import shutil
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from fortifai.contract.samples import Samples
from fortifai.files import append_line, drop_torn_line, new_files, new_folder, write_text
from fortifai.records.layout import (
    CHAIN_FILE,
    EXAMPLES,
    FAILURE_FILE,
    REAL_EXAMPLE,
    RECORDS_FILE,
    TRACEBACK_FILE,
    generation_name,
)
from fortifai.records.reading import find_example, read_chain, read_records
from fortifai.records.schema import ChainRecord, FailureRecord, GenerationRecord
from fortifai.recursion.chain import Chain
from fortifai.runner.messages import Keep

GENERATION = re.compile(r"generation-(\d+)")


class ChainFolder:
    """The history of one chain (see `History`), in a folder named by the chain's id.

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

    def open(self, record: ChainRecord) -> None:
        """Prepare to run: describe the chain, clear what a crash left, and start over where nothing was kept to resume from."""
        announce(self._path, record)
        for stale in (FAILURE_FILE, TRACEBACK_FILE):
            (self._path / stale).unlink(missing_ok=True)
        drop_torn_line(self._records)
        finished = len(self.recorded())
        resumable = self._can_resume(finished)
        if finished <= record.horizon and not resumable:
            self._records.unlink(missing_ok=True)
        self._show(REAL_EXAMPLE, lambda: self._chain.adapter.splits.test.data)
        if finished and resumable:
            self._show_missing(finished - 1)

    def recorded(self) -> list[GenerationRecord]:
        """Return the records of all finished generations."""
        return read_records(self._path)

    def samples(self, generation: int) -> Samples:
        """Return what a generation made."""
        return Samples.load(self._generation(generation) / "samples.safetensors")

    def model(self, generation: int) -> object:
        """Return the model of a generation."""
        return self._chain.adapter.load_model(self._generation(generation) / "model")

    def commit(self, record: GenerationRecord, samples: Samples | None, model: object) -> None:
        """Keep a generation: its data is in place before its record says so, and only then is older data let go.

        Pictures come last: one that cannot be drawn is reported to the user, and costs the generation nothing.
        """
        if samples is not None:
            with new_folder(self._generation(record.generation)) as folder:
                samples.save(folder / "samples.safetensors")
                (folder / "model").mkdir()
                self._chain.adapter.save(model, folder / "model")
        append_line(self._records, record.model_dump_json())
        self._prune(record.generation)
        if samples is not None:
            self._show_generation(record.generation, samples, model)

    def close(self) -> None:
        """End a finished chain: with ``--keep none`` nothing but its records stays."""
        if self._keep == "none":
            for folder in self._kept().values():
                shutil.rmtree(folder)

    @property
    def _records(self) -> Path:
        return self._path / RECORDS_FILE

    def _generation(self, generation: int) -> Path:
        return self._path / generation_name(generation)

    def _show_generation(self, generation: int, samples: Samples, model: object) -> None:
        chain = self._chain
        self._show(generation_name(generation), lambda: chain.adapter.examples(model, samples, chain.sampling))

    def _show_missing(self, generation: int) -> None:
        """Draw the examples of a generation whose process was stopped between its record and its picture."""
        shows_anything = find_example(self._path, REAL_EXAMPLE) is not None
        missing = find_example(self._path, generation_name(generation)) is None
        if shows_anything and missing and self._generation(generation).exists():
            self._show_generation(generation, self.samples(generation), self.model(generation))

    def _show(self, name: str, examples: Callable[[], Mapping[str, Tensor]]) -> None:
        try:
            with new_files(self._path / EXAMPLES) as folder:
                self._chain.adapter.show(examples(), folder / name)
        except Exception as error:  # whatever an adapter raises: the records do not depend on pictures
            traceback.print_exc()  # into workers.log
            self._remark(f"the examples of {name} were not drawn: {type(error).__name__}: {error} (see workers.log)")

    def _kept(self) -> dict[int, Path]:
        named = ((GENERATION.fullmatch(folder.name), folder) for folder in self._path.iterdir())
        return {int(match[1]): folder for match, folder in named if match}

    def _can_resume(self, finished: int) -> bool:
        if finished == 0:
            return True
        samples = range(finished) if self._chain.strategy.remembers_all else [finished - 1]
        models = {finished - 1, 0} if self._chain.reads_first_model else {finished - 1}
        needed = [f"{generation_name(g)}/samples.safetensors" for g in samples] + [f"{generation_name(g)}/model" for g in models]
        return all((self._path / name).exists() for name in needed)

    def _prune(self, last: int) -> None:
        if self._keep == "all":
            return
        for generation, folder in self._kept().items():
            if generation >= last:
                continue
            keeps_model = generation == 0 and self._chain.reads_first_model
            keeps_samples = self._keep == "samples" or self._chain.strategy.remembers_all
            if not keeps_model:
                shutil.rmtree(folder / "model", ignore_errors=True)
            if not keeps_samples:
                (folder / "samples.safetensors").unlink(missing_ok=True)
            if not keeps_model and not keeps_samples:
                folder.rmdir()


def announce(path: Path, record: ChainRecord) -> None:
    """Write what a chain is into its folder, so that it is seen before it is run. The horizon never shrinks."""
    path.mkdir(parents=True, exist_ok=True)
    known = read_chain(path)
    if known is not None and known.horizon > record.horizon:
        record = record.model_copy(update={"horizon": known.horizon})
    write_text(path / CHAIN_FILE, record.model_dump_json(indent=2) + "\n")


def note_failure(path: Path, reason: str, trace: str) -> None:
    """Write into a chain's folder why it crashed, for `fortifai status`; running it again clears the note.

    Args:
        path: The chain's folder.
        reason: What went wrong, in one line.
        trace: The traceback.
    """
    failure = FailureRecord(reason=reason, generation=len(read_records(path)))
    write_text(path / FAILURE_FILE, failure.model_dump_json(indent=2) + "\n")
    write_text(path / TRACEBACK_FILE, trace)
