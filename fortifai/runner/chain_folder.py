"""One chain on disk: its records, the generations that are kept, and how a stopped chain goes on."""

import re
import shutil
from pathlib import Path
from typing import Any, Literal

from fortifai.files import append_line, drop_torn_line, new_files, new_folder, write_text
from fortifai.modality import Modality, Samples
from fortifai.results.chains import EXAMPLES, REAL_EXAMPLE, generation_name, read_chain, read_records
from fortifai.results.schema import ChainRecord, FailureRecord, GenerationRecord
from fortifai.strategies import Strategy

Keep = Literal["all", "last", "samples", "none"]
"""What stays of a chain's generations: everything; what the chain needs to go on; every generation's samples; nothing."""

GENERATION = re.compile(r"generation-(\d+)")


class ChainFolder:
    """The history of one chain (see `protocol.History`), in a folder named by the chain's id."""

    def __init__(self, path: Path, modality: Modality[Any], strategy: Strategy, keep: Keep) -> None:
        self.path = path
        self._modality = modality
        self._strategy = strategy
        self._keep = keep

    def open(self, record: ChainRecord, real: Samples) -> None:
        """Prepare to run: describe the chain, clear what a crash left, and start over where nothing was kept to go on from.

        ``real``: real data, of which an example is shown beside those of the generations.
        """
        announce(self.path, record)
        self._show(real, REAL_EXAMPLE)
        for stale in ("failure.json", "traceback.txt"):
            (self.path / stale).unlink(missing_ok=True)
        drop_torn_line(self._records)
        finished = len(self.recorded())
        if finished <= record.horizon and not self._can_go_on(finished):
            self._records.unlink(missing_ok=True)

    def recorded(self) -> list[GenerationRecord]:
        """Give the records of all finished generations."""
        return read_records(self.path)

    def samples(self, generation: int) -> Samples:
        """Give what a generation made."""
        return Samples.load(self._generation(generation) / "samples.safetensors")

    def model(self, generation: int) -> Any:
        """Give the model of a generation."""
        return self._modality.load_model(self._generation(generation) / "model")

    def commit(self, record: GenerationRecord, samples: Samples | None, model: Any) -> None:
        """Keep a generation: its data is in place before its record says so, and only then is older data let go."""
        if samples is not None:
            with new_folder(self._generation(record.generation)) as folder:
                samples.save(folder / "samples.safetensors")
                (folder / "model").mkdir()
                self._modality.save(model, folder / "model")
            self._show(samples, generation_name(record.generation))
        append_line(self._records, record.model_dump_json())
        self._prune(record.generation)

    def close(self) -> None:
        """End a finished chain: with ``--keep none`` nothing but its records stays."""
        if self._keep == "none":
            for folder in self._kept().values():
                shutil.rmtree(folder)

    @property
    def _records(self) -> Path:
        return self.path / "generations.jsonl"

    def _generation(self, generation: int) -> Path:
        return self.path / generation_name(generation)

    def _show(self, samples: Samples, name: str) -> None:
        with new_files(self.path / EXAMPLES) as folder:
            self._modality.show(samples, folder / name)

    def _kept(self) -> dict[int, Path]:
        named = ((GENERATION.fullmatch(folder.name), folder) for folder in self.path.iterdir())
        return {int(match[1]): folder for match, folder in named if match}

    def _can_go_on(self, finished: int) -> bool:
        needed = range(finished) if self._strategy.remembers_all else range(max(finished - 1, 0), finished)
        has_samples = all((self._generation(g) / "samples.safetensors").exists() for g in needed)
        return finished == 0 or (has_samples and (self._generation(finished - 1) / "model").exists())

    def _prune(self, last: int) -> None:
        if self._keep == "all":
            return
        for generation, folder in self._kept().items():
            if generation >= last:
                continue
            if self._keep == "samples" or self._strategy.remembers_all:
                shutil.rmtree(folder / "model", ignore_errors=True)
            else:
                shutil.rmtree(folder)


def announce(path: Path, record: ChainRecord) -> None:
    """Write what a chain is into its folder, so that it is seen before it is run. The horizon never shrinks."""
    path.mkdir(parents=True, exist_ok=True)
    known = read_chain(path)
    if known is not None and known.horizon > record.horizon:
        record = record.model_copy(update={"horizon": known.horizon})
    write_text(path / "chain.json", record.model_dump_json(indent=2) + "\n")


def note_failure(path: Path, reason: str, trace: str) -> None:
    """Note in a chain's folder why it crashed, for `fortifai status`; running it again clears the note."""
    failure = FailureRecord(reason=reason, generation=len(read_records(path)))
    write_text(path / "failure.json", failure.model_dump_json(indent=2) + "\n")
    write_text(path / "traceback.txt", trace)
