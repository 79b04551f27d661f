"""A folder of WAV files, and the two data sets of torchaudio that are folders of WAV files. Nothing is downloaded."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fortifai.errors import UserError, did_you_mean
from fortifai.needs import Need
from fortifai.sanitise import user_path

from ..spectrogram import RATE, frames_of
from .recordings import Recordings
from .speech import DIGITS
from .wav import read_wav
from .waveforms import QUIET, clip_of

SPEAKER_MARK = "_nohash_"
"""Ends the speaker's name in the file names of speech-commands: ``<speaker>_nohash_<number>.wav``."""

YESNO_CLASSES = ("no", "yes")
WORDS = 8
"""Words of every recording of yesno, a 0 or a 1 for each in the file's name."""


@dataclass(frozen=True)
class TorchaudioSet:
    """A data set of torchaudio: what suites call it, its class in ``torchaudio.datasets``, and its folder below the root."""

    name: str
    dataset: str
    folder: str

    def need(self, root: str | None) -> Need:
        """Return its folder, and whether it is missing below this root. Reads no file."""
        return Need(f"the files of {self.name}, as torchaudio keeps them", self._missing(root))

    def found(self, root: str | None) -> Path:
        """Return its folder. Raises UserError when it is missing."""
        need = self.need(root)
        if root is None or need.missing is not None:
            raise UserError(str(need))
        return user_path(root) / self.folder

    def _missing(self, root: str | None) -> str | None:
        fetch = f"from torchaudio.datasets import {self.dataset}; {self.dataset}({root or 'FOLDER'!r}, download=True)"
        if root is not None and (user_path(root) / self.folder).is_dir():
            return None
        where = "set data.root to the folder that holds" if root is None else f"{root} does not hold"
        return f'{where} {self.folder}; to fetch it: python -c "{fetch}"'


SPEECH_COMMANDS = TorchaudioSet("speech-commands", "SPEECHCOMMANDS", "SpeechCommands/speech_commands_v0.02")
YESNO = TorchaudioSet("yesno", "YESNO", "waves_yesno")


def read_folder(source: str, known: Sequence[str]) -> Recordings:
    """Read the WAV files in a folder and below, in the order of their paths; hidden ones are passed over.

    If every file lies in a sub-folder, and there are at least two of these, the sub-folders directly below the folder are the
    labels. A file is a speaker of its own, unless its name tells, as in speech-commands: ``<speaker>_nohash_<number>.wav``.

    Args:
        source: The folder.
        known: Names of data sets, of which ``source`` may be a misspelling.

    Raises:
        UserError: The folder is missing (with the nearest of the known names), holds no WAV file, or one that cannot be used.
    """
    folder = user_path(source)
    if not folder.is_dir():
        hint = did_you_mean(source, known) or f"data sets by name: {', '.join(known)}"
        file = "is a file, not a folder of WAV files"
        problem = file if folder.exists() else "is neither a folder of WAV files nor the name of a data set"
        raise UserError(f"{source!r} {problem}; {hint}")
    files = _wav_files(folder)
    if not files:
        raise UserError(f"{source} holds no WAV files (.wav)")
    below = [file.relative_to(folder).parts[0] for file in files]
    classes = tuple(sorted(set(below)))
    if len(classes) < 2 or any(file.parent == folder for file in files):
        return _recordings(files, ["" for _ in files], ())
    return _recordings(files, below, classes)


def read_speech_commands(root: str | None) -> Recordings:
    """Read the ten digits of Speech Commands (Warden, 2018). Raises UserError when they are missing or cannot be used."""
    folder = SPEECH_COMMANDS.found(root)
    files = [file for digit in DIGITS if (folder / digit).is_dir() for file in _wav_files(folder / digit)]
    if not files:
        raise UserError(f"{folder} holds none of the folders {', '.join(DIGITS)}")
    return _recordings(files, [file.parent.name for file in files], DIGITS)


def read_yesno(root: str | None) -> Recordings:
    """Read the words of YesNo, eight in a recording, which is cut at its seven longest pauses.

    One man says them all: a recording is what its words are split by, as if it were a speaker.

    Raises:
        UserError: The files are missing or cannot be used.
    """
    folder = YESNO.found(root)
    files = _wav_files(folder)
    if not files:
        raise UserError(f"{folder} holds no WAV files (.wav)")
    clips, labels = [], []
    for file in files:
        said = file.stem.split("_")
        if len(said) != WORDS or not set(said) <= {"0", "1"}:
            raise UserError(f"{file}: its name should be {WORDS} words, 0 or 1 each, such as 0_1_0_0_1_0_1_1.wav")
        recording, rate = read_wav(file)
        clips += [_clip(word, rate, file) for word in cut_at_pauses(recording, rate, WORDS, file)]
        labels += [int(word) for word in said]
    speakers = torch.arange(len(files)).repeat_interleave(WORDS)
    return Recordings(frames_of(torch.stack(clips)), torch.tensor(labels), speakers, YESNO_CLASSES)


def cut_at_pauses(recording: Tensor, rate: int, words: int, file: Path) -> list[Tensor]:
    """Return the words of a recording, float32 (n,): what lies between its longest pauses.

    Args:
        recording: Float32 (n,) in [-1, 1].
        rate: Its samples a second.
        words: How many there are.
        file: For messages.

    Raises:
        UserError: There are not so many pauses.
    """
    step = max(1, rate // 100)
    level = recording[: len(recording) // step * step].view(-1, step).abs().amax(1)
    loud = torch.nonzero(level > 5 * QUIET * level.max()).flatten() if len(level) else torch.tensor([])
    gaps = loud.diff()
    if len(gaps) < words - 1 or bool((gaps.topk(words - 1).values < 2).any()):
        raise UserError(f"{file}: {words} words are expected, and there are not so many pauses")
    after = gaps.topk(words - 1).indices.sort().values
    cuts = (loud[after] + loud[after + 1] + 1) // 2 * step
    return list(recording.tensor_split(cuts.tolist()))


def _recordings(files: Sequence[Path], said: Sequence[str], classes: tuple[str, ...]) -> Recordings:
    clips = [_clip(*read_wav(file), file) for file in files]
    position = {name: place for place, name in enumerate(classes)}
    labels = torch.tensor([position.get(word, 0) for word in said])
    return Recordings(frames_of(torch.stack(clips)), labels, _numbered(map(_speaker, files)), classes)


def _clip(recording: Tensor, rate: int, file: Path) -> Tensor:
    if rate < RATE:
        raise UserError(f"{file}: {rate} samples a second are too few; at least {RATE} are needed")
    try:
        return clip_of(recording, rate)
    except UserError as error:
        raise UserError(f"{file} {error}") from None


def _speaker(file: Path) -> str:
    name, mark, _ = file.stem.partition(SPEAKER_MARK)
    return name if mark else str(file)


def _numbered(names: Iterable[str]) -> Tensor:
    numbers: dict[str, int] = {}
    return torch.tensor([numbers.setdefault(name, len(numbers)) for name in names])


def _wav_files(folder: Path) -> list[Path]:
    files: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(parent, name) for name in names if name.lower().endswith(".wav") and not name.startswith(".")]
    return sorted(files, key=lambda file: file.parts)


def _refuse(error: OSError) -> None:
    raise UserError(f"{error.filename} cannot be read: {error.strerror}") from error
