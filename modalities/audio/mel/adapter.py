"""The adapter of log-mel pictures: the autoencoder of images, on pictures that can be heard."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from torch import Tensor

from fortifai.contract.modality import Modality
from fortifai.contract.samples import Samples, Splits
from fortifai.errors import UserError
from fortifai.needs import Need

from ...image.data.splits import Images
from ...image.features.extractor import Extractor
from ...image.vae.adapter import VAEAdapter
from ...image.vae.config import VAEConfig
from ..config import AudioData
from ..data import clips
from ..display import write_clips
from ..features import Statistics
from ..spectrogram import frames_of_pictures, pictures_of


class MelAdapter(VAEAdapter):
    """Autoencoders of log-mel pictures. Samples hold ``x``, float32 (n, 1, 32, 32) in [0, 1]: 32 bands, 22 ms a column.

    Elements, confidence and temperature are those of `VAEAdapter`. What is drawn has no label that was asked for.

    Attributes:
        clips: The real clips.
    """

    def __init__(self, config: VAEConfig, data: AudioData, real: clips.Clips | None = None) -> None:
        """Load, split and transform clips.

        Args:
            config: The autoencoder and how it is trained.
            data: Which clips, how they are split, and by which features they are compared.
            real: Clips to take instead of those that ``data`` names, such as the same ones after a codebook.

        Raises:
            UserError: Clips are missing or unusable, with the file at fault, or have no labels for a classifier.
        """
        self.clips = clips.load_clips(data) if real is None else real
        if data.features == "classifier" and not self.clips.classes:
            raise UserError(f"data.features = 'classifier' needs labels, and {data.source!r} has none; use 'statistics'")
        self.compared_by = data.features
        parts = (self.clips.pool, self.clips.validation, self.clips.test)
        splits = Splits(*(Samples.real(x=pictures_of(part.frames)) for part in parts))
        self.images = Images(splits, self.clips.pool.labels if self.clips.classes else None, len(self.clips.classes))
        Modality.__init__(self, config, splits)  # past that of images, which would load images

    @classmethod
    def needs(cls, config: VAEConfig, data: AudioData) -> Sequence[Need]:  # type: ignore[override]  # of clips, not of images
        """Return the files of a data set that comes with no package, and whether they are missing."""
        return clips.needs(data)

    @cached_property
    def extractor(self) -> Extractor:
        """What turns pictures into the features that clips are compared by."""
        return Statistics() if self.compared_by == "statistics" or self.classifier is None else self.classifier

    @property
    def view(self) -> "MelAdapter":
        """What compares the clips of this adapter as pictures: itself."""
        return self

    def pictures(self, data: Mapping[str, Tensor]) -> Tensor:
        """Return the pictures of samples, float32 (n, 1, 32, 32) in [0, 1]."""
        return data["x"]

    def frames(self, data: Mapping[str, Tensor]) -> Tensor:
        """Return the log-mel frames of samples, float32 (n, T, M) in [0, 1]."""
        return frames_of_pictures(data["x"])

    def show(self, data: Mapping[str, Tensor], stem: Path) -> None:
        """Write the first clips as a WAV file, and their pictures as a PNG."""
        write_clips(self.frames(data), stem)
