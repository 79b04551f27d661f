"""From a source to the three splits, each of other speakers."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fortifai.errors import UserError
from fortifai.needs import Need
from fortifai.randomness import stream

from ..config import AudioData
from . import folder, speech
from .recordings import Recordings

TORCHAUDIO_SETS = {each.name: each for each in (folder.SPEECH_COMMANDS, folder.YESNO)}
NAMES = sorted([speech.NAME, *TORCHAUDIO_SETS])

LEAST_CLIPS = 30
"""Fewer clips than this cannot be cut into a pool and two held-out parts that mean anything."""


@dataclass(frozen=True)
class Clips:
    """Real clips, split by speaker.

    Attributes:
        pool: Those that models are trained on; so ``validation`` and ``test``.
        validation: Of other speakers.
        test: Of others again.
    """

    pool: Recordings
    validation: Recordings
    test: Recordings

    @property
    def classes(self) -> tuple[str, ...]:
        """What can be said; nothing where the source does not say."""
        return self.pool.classes


def needs(data: AudioData) -> list[Need]:
    """Return the files of torchaudio that these settings read, and whether they are missing; none for other sources."""
    return [TORCHAUDIO_SETS[data.source].need(data.root)] if data.source in TORCHAUDIO_SETS else []


def load_clips(data: AudioData) -> Clips:
    """Load and split the clips that ``data`` names: the same settings and content, the same splits; no speaker is in two of them.

    Raises:
        UserError: Clips are missing, unusable or too few, with the file at fault.
    """
    recordings = _read(data)
    if len(recordings.frames) < LEAST_CLIPS:
        raise UserError(f"{data.source} holds {len(recordings.frames)} clips; at least {LEAST_CLIPS} are needed")
    speakers = int(recordings.speakers.max()) + 1
    held_out = [max(1, round(share * speakers)) for share in (data.validation, data.test)]
    if speakers < 3 or sum(held_out) >= speakers:
        raise UserError(f"{data.source} has {speakers} speakers: too few to have one in the pool and in each held-out part")
    rng = stream("audio", "split", data.seed)
    order = torch.randperm(speakers, generator=rng)
    validation, test, pool = order.split([*held_out, speakers - sum(held_out)])
    return Clips(
        pool=_of(recordings, pool, rng),
        validation=_of(recordings, validation, rng, data.most_held_out),
        test=_of(recordings, test, rng, data.most_held_out),
    )


def _read(data: AudioData) -> Recordings:
    match data.source:
        case speech.NAME:
            return speech.spoken_digits(data.speakers)
        case folder.SPEECH_COMMANDS.name:
            return folder.read_speech_commands(data.root)
        case folder.YESNO.name:
            return folder.read_yesno(data.root)
        case _:
            return folder.read_folder(data.source, NAMES)


def _of(recordings: Recordings, speakers: Tensor, rng: torch.Generator, most: int | None = None) -> Recordings:
    """Return the clips of these speakers, in an order drawn at random, at most so many."""
    places = torch.nonzero(torch.isin(recordings.speakers, speakers)).flatten()
    chosen = places[torch.randperm(len(places), generator=rng)][:most]
    return Recordings(recordings.frames[chosen], recordings.labels[chosen], recordings.speakers[chosen], recordings.classes)
