"""The classifier's adapter: images keep their pixels, and are given labels anew."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from fortifai.needs import Need

from ..image.config import ImageData
from ..image.data import sources
from .config import ClassifierConfig
from .data import load_labelled
from .relabelling import RelabellingAdapter


class LabelAdapter(RelabellingAdapter[ClassifierConfig, ImageData, nn.Sequential]):
    """Classifiers of images. Samples hold ``x``: float32 (n, C, S, S) in [0, 1], and ``y``: int64 (n,), the class."""

    model_file = "classifier.safetensors"
    adapting = 2048
    at_once = 1024

    def __init__(self, config: ClassifierConfig, data: ImageData) -> None:
        """Load labelled images.

        Raises:
            UserError: Images are missing, unusable or without classes.
        """
        splits, self.classes = load_labelled(data)
        super().__init__(config, splits)

    @classmethod
    def needs(cls, config: ClassifierConfig, data: ImageData) -> Sequence[Need]:
        """Return the files of a data set that comes with no package, and which of them are missing."""
        return sources.needs(data)

    def network(self) -> nn.Sequential:
        """Return a classifier with random weights."""
        sizes = [self.splits.train["x"][0].numel(), *self.config.hidden]
        layers = [part for pair in pairwise(sizes) for part in (nn.Linear(*pair), nn.ReLU())]
        return nn.Sequential(nn.Flatten(), *layers, nn.Linear(sizes[-1], self.classes))
