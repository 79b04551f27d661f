"""The adapter of tokens of clips: the language models of texts, over the codes of a codebook."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from fortifai.contract.modality import Modality
from fortifai.contract.samples import Samples, Splits
from fortifai.device import device_of
from fortifai.errors import UserError
from fortifai.needs import Need
from fortifai.randomness import integer_seed

from ...image.vae.config import VAEConfig
from ...text.adapter import LanguageModelAdapter
from ...text.config import Decoding
from ...text.model import network
from ...text.model.network import LanguageModel
from ...text.model.regeneration import regenerate
from ..config import AudioData
from ..data import clips
from ..data.recordings import Recordings
from ..display import write_clips
from ..mel.adapter import MelAdapter
from ..spectrogram import pictures_of
from . import codebook
from .config import TokensConfig
from .vocabulary import vocabulary

LABEL = 1
"""Tokens before the codes of a clip: what is said in it."""


class TokensAdapter(LanguageModelAdapter):
    """Causal language models of clips. Samples hold ``tokens``, int32 (n, 1 + T): a label, and the code of every frame.

    An element is a token. Its confidence is the probability that the model gives it after the begin token and all tokens of its
    clip before it. The label is learned like any other token; it is asked for and stays when a clip is regenerated, so that
    what is said in a chain's clips keeps the shares that it has in the real data.

    Attributes:
        clips: The real clips, as the codebook has them.
        codebook: Learned from the training pool.
        tokenizer: Of labels and codes.
    """

    config: TokensConfig

    def __init__(self, config: TokensConfig, data: AudioData) -> None:
        """Load and split clips, and learn the codebook.

        Raises:
            UserError: Clips are missing or unusable, with the file at fault, or fewer frames differ than there are codes.
        """
        loaded = clips.load_clips(data)
        self.codebook = codebook.learn(loaded.pool.frames, config.vocabulary)
        self.tokenizer = vocabulary(len(self.codebook), loaded.classes)
        parts = (loaded.pool, loaded.validation, loaded.test)
        splits = Splits(*(Samples.real(tokens=self._tokens(part)) for part in parts))
        decoded = (
            replace(part, frames=self.frames(split.data))
            for part, split in zip(parts, (splits.train, splits.validation, splits.test), strict=True)
        )
        self.clips = clips.Clips(*decoded)
        self.clip_data = data
        Modality.__init__(self, config, splits)  # past that of texts, which would read a text

    @classmethod
    def needs(cls, config: TokensConfig, data: AudioData) -> Sequence[Need]:  # type: ignore[override]  # of clips, not of texts
        """Return the files of a data set that comes with no package, and whether they are missing."""
        return clips.needs(data)

    @cached_property
    def view(self) -> MelAdapter:
        """What compares the clips of this adapter as pictures: the adapter of such pictures, by whose features it is done."""
        return MelAdapter(VAEConfig(device=self.config.device), self.clip_data, self.clips)

    def check(self, n: int) -> None:
        """Raise UserError for an absent device, and for an n of less than 1 or beyond the training pool."""
        device_of(self.config.device)
        if n < 1:
            raise UserError(f"n = {n}: at least 1 clip is needed")
        pool = len(self.splits.train)
        if n > pool:
            raise UserError(f"n = {n} real clips are asked for, and the training pool has {pool}: lower n")
        settings = network.settings(self.config, self.tokenizer, self.splits.train["tokens"].shape[1])
        network.check_fits(settings, self.tokenizer, self.splits.train["tokens"].shape[1], self.config.label)

    def sample(self, model: LanguageModel, source: Samples, sampling: Decoding, rng: torch.Generator) -> Mapping[str, Tensor]:
        """Return every clip of ``source`` written anew after its label, stretch by stretch.

        Args:
            model: The model that writes.
            source: Clips, ``tokens`` int32 (n, 1 + T).
            sampling: How a clip is continued.
            rng: The source of every random number.

        Returns:
            ``tokens``, int32 (n, 1 + T), with the labels of ``source``. Now and then a model that has learned little writes a
            label where a code should be, which sounds as silence.
        """
        network.move(model, self.config)
        with network.autocast(self.config, model.network.device):
            return {"tokens": regenerate(model, source["tokens"], sampling, integer_seed(rng), kept=LABEL)}

    def redraw(self, model: LanguageModel, samples: Samples, chosen: Tensor, rng: torch.Generator) -> Mapping[str, Tensor]:
        """Return the clips with the chosen codes drawn anew, each after the tokens before it as they stood; labels stay.

        Args:
            model: What to draw from, as it was fitted.
            samples: ``tokens``, int32 (n, 1 + T).
            chosen: bool (n, 1 + T).
            rng: The source of every random number.
        """
        codes = chosen.clone()
        codes[:, :LABEL] = False
        return super().redraw(model, samples, codes, rng)

    def verify(self, samples: Samples) -> Tensor:
        """Return how sure the classifier of the real pool is of what is said in each clip, float64 (n,).

        Raises:
            UserError: The clips have no labels.
        """
        return self.view.verify(Samples({"x": self.pictures(samples.data)}, samples.origin))

    def pictures(self, data: Mapping[str, Tensor]) -> Tensor:
        """Return the pictures of samples, float32 (n, 1, 32, 32) in [0, 1]."""
        return pictures_of(self.frames(data))

    def frames(self, data: Mapping[str, Tensor]) -> Tensor:
        """Return the log-mel frames of samples, float32 (n, T, M) in [0, 1]."""
        return self.codebook.decode(data["tokens"][:, LABEL:])

    def asked(self, data: Mapping[str, Tensor]) -> Tensor:
        """Return the label that each sample began with, int64 (n,), positions in ``clips.classes``; -1 for what is no label."""
        label = data["tokens"][:, 0].long() - len(self.codebook)
        return torch.where((label >= 0) & (label < max(1, len(self.clips.classes))), label, -1)

    def show(self, data: Mapping[str, Tensor], stem: Path) -> None:
        """Write the first clips as a WAV file, and their pictures as a PNG."""
        write_clips(self.frames(data), stem)

    def _tokens(self, part: Recordings) -> Tensor:
        labels = (part.labels + len(self.codebook)).int()
        return torch.cat([labels[:, None], self.codebook.encode(part.frames)], dim=1)
