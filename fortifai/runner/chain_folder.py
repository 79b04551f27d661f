"""One chain on disk: its records, the generations that are kept, and how a stopped chain goes on."""

import re
import shutil
from pathlib import Path
from typing import Any, Literal

from fortifai.contract.samples import Samples
from fortifai.files import append_line, drop_torn_line, new_files, new_folder, write_text
from fortifai.records.layout import EXAMPLES, REAL_EXAMPLE, generation_name
from fortifai.records.reading import read_chain, read_records
from fortifai.records.schema import ChainRecord, FailureRecord, GenerationRecord
from fortifai.recursion.protocol import Chain
from fortifai.report.filmstrip import compose

Keep = Literal["all", "last", "samples", "none"]
"""What stays of a chain's generations: everything; what the chain needs to go on; every generation's samples; nothing."""

GENERATION = re.compile(r"generation-(\d+)")


class ChainFolder:
    """The history of one chain (see `protocol.History`), in a folder named by the chain's id."""

    def __init__(self, path: Path, chain: Chain, keep: Keep) -> None:
        self.path = path
        self._chain = chain
        self._keep = keep

    def open(self, record: ChainRecord) -> None:
        """Prepare to run: describe the chain, clear what a crash left, and start over where nothing was kept to go on from."""
        announce(self.path, record)
        self._show(self._chain.splits.test, REAL_EXAMPLE)
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
        return self._chain.modality.load_model(self._generation(generation) / "model")

    def commit(self, record: GenerationRecord, samples: Samples | None, model: Any) -> None:
        """Keep a generation: its data is in place before its record says so, and only then is older data let go."""
        if samples is not None:
            with new_folder(self._generation(record.generation)) as folder:
                samples.save(folder / "samples.safetensors")
                (folder / "model").mkdir()
                self._chain.modality.save(model, folder / "model")
            shown = self._chain.modality.examples(model, samples, self._chain.sampling)
            self._show(shown, generation_name(record.generation))
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
            self._chain.modality.show(samples, folder / name)
        compose(self.path / EXAMPLES)

    def _kept(self) -> dict[int, Path]:
        named = ((GENERATION.fullmatch(folder.name), folder) for folder in self.path.iterdir())
        return {int(match[1]): folder for match, folder in named if match}

    def _can_go_on(self, finished: int) -> bool:
        if finished == 0:
            return True
        samples = range(finished) if self._chain.strategy.remembers_all else [finished - 1]
        models = {finished - 1, 0} if self._chain.needs_first else {finished - 1}
        needed = [f"{generation_name(g)}/samples.safetensors" for g in samples] + [f"{generation_name(g)}/model" for g in models]
        return all((self.path / name).exists() for name in needed)

    def _prune(self, last: int) -> None:
        if self._keep == "all":
            return
        for generation, folder in self._kept().items():
            if generation >= last:
                continue
            keeps_model = generation == 0 and self._chain.needs_first
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
    write_text(path / "chain.json", record.model_dump_json(indent=2) + "\n")


def note_failure(path: Path, reason: str, trace: str) -> None:
    """Note in a chain's folder why it crashed, for `fortifai status`; running it again clears the note."""
    failure = FailureRecord(reason=reason, generation=len(read_records(path)))
    write_text(path / "failure.json", failure.model_dump_json(indent=2) + "\n")
    write_text(path / "traceback.txt", trace)
