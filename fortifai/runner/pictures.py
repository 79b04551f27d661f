"""A chain's pictures: drawn once a generation is recorded, so that whatever becomes of one costs no number and no chain."""

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from fortifai.contract.modality import AnyModality
from fortifai.errors import UserError
from fortifai.files import clear_unfinished, new_files
from fortifai.records.layout import EXAMPLES, PICTURES_FILE, REAL_EXAMPLE, SAMPLES_FILE, generation_name
from fortifai.records.reading import find_example
from fortifai.records.schema import PicturesRecord

MOST_INTERRUPTED = 2
"""Processes that may end while they draw. One may have been killed for any reason; after the second the drawing is the reason."""


class Pictures:
    """The pictures of one chain, and what became of those that are not there.

    Args:
        path: The chain's folder.
        adapter: What draws them.
        remark: Called with what the user should know.
    """

    def __init__(self, path: Path, adapter: AnyModality, remark: Callable[[str], None]) -> None:
        self._path = path
        self._adapter = adapter
        self._remark = remark
        self._note = PicturesRecord()

    def open(self) -> None:
        """See whether the last process ended while it drew; from the second time on, no more is drawn for this chain."""
        self._note = _note(self._path)
        if clear_unfinished(self._path / EXAMPLES):
            self._write(interrupted=self._note.interrupted + 1)
        if self._note.interrupted >= MOST_INTERRUPTED:
            self._remark("no more examples are drawn: two processes ended while they drew some")

    def draw(self, name: str, examples: Callable[[], Mapping[str, Tensor]]) -> None:
        """Draw samples; what goes wrong is told, and is not tried again when the chain is resumed.

        Args:
            name: `generation_name` or `REAL_EXAMPLE`.
            examples: Returns the samples.
        """
        if self._note.interrupted >= MOST_INTERRUPTED:
            return
        try:
            with new_files(self._path / EXAMPLES) as folder:
                self._adapter.show(examples(), folder / name)
        except Exception as error:  # whatever an adapter raises: the records do not depend on pictures
            traceback.print_exc()  # into workers.log
            reason = f"{type(error).__name__}: {error}"
            self._remark(f"the examples of {name} were not drawn: {reason} (see workers.log)")
            self._write(missing={**self._note.missing, name: reason})
            return
        if name == REAL_EXAMPLE:
            return
        if self._note.interrupted:  # it was not the drawing, then
            self._write(interrupted=0)
        if _lacks(self._path, name, self._note):
            self._write(missing={**self._note.missing, name: "nothing was drawn"})

    def lacks(self, generation: int) -> bool:
        """Return whether a generation should have been drawn and was not, and nobody knows why."""
        return _lacks(self._path, generation_name(generation), self._note)

    def _write(self, **changes: object) -> None:
        self._note = self._note.model_copy(update=changes)
        self._note.write(self._path / PICTURES_FILE)


def can_be_drawn(path: Path, generation: int) -> bool:
    """Return whether the last generation of a finished chain was not drawn, because its process ended, and still can be.

    Where its samples are no longer kept it cannot, which is noted, so that it is not asked for ever.

    Args:
        path: The chain's folder.
        generation: The last one.
    """
    name, note = generation_name(generation), _note(path)
    if not _lacks(path, name, note):
        return False
    if (path / name / SAMPLES_FILE).exists():
        return True
    reason = "its process ended before it was drawn, and its samples are no longer kept"
    note.model_copy(update={"missing": {**note.missing, name: reason}}).write(path / PICTURES_FILE)
    return False


def _lacks(path: Path, name: str, note: PicturesRecord) -> bool:
    if note.interrupted >= MOST_INTERRUPTED or name in note.missing:
        return False
    return find_example(path, REAL_EXAMPLE) is not None and find_example(path, name) is None


def _note(path: Path) -> PicturesRecord:
    try:
        return PicturesRecord.load(path / PICTURES_FILE)
    except UserError:  # none, or damaged: it decides no number
        return PicturesRecord()
