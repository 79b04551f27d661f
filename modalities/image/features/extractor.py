"""What images are compared by: an extractor turns each into a vector, and distances are taken between the vectors."""

from typing import Protocol

import torch
from torch import Tensor

from fortifai.errors import UserError

from ..config import ImageData
from ..data.splits import Images
from .classifier import Classifier


class Extractor(Protocol):
    """Turns images into features. One image always has the same features, up to rounding, whatever else is in its batch."""

    @property
    def name(self) -> str:
        """One of the values of `ImageData.features`, other than auto."""

    @property
    def dimensions(self) -> int:
        """Numbers in the features of one image, D."""

    def features(self, x: Tensor) -> Tensor:
        """Return the features, float64 (n, D), of images, float32 (n, C, H, W) in [0, 1]; both on the CPU."""


class Judge(Extractor, Protocol):
    """A network that no chain trains, and through which a gradient reaches the images that it looks at."""

    def embed(self, x: Tensor) -> Tensor:
        """Return the features, float32 (b, D), of images on its device, (b, C, H, W); its weights take no gradient."""


def make_extractor(data: ImageData, images: Images, classifier: Classifier | None, device: torch.device) -> Extractor:
    """Return the extractor that ``data`` names.

    ``auto`` is the classifier for labelled grey images, which a network trained on photographs sees poorly; for all others it is
    the network trained on ImageNet.

    Args:
        data: ``features``, and the file of the weights of Inception.
        images: Those to compare with.
        classifier: The one trained on their pool; None where they have no labels.
        device: Where the network is to work.

    Raises:
        UserError: It is not installed, its weights are not there, or the images have no labels to train a classifier by.
    """
    grey = images.splits.train["x"].shape[1] == 1
    match data.features:
        case "classifier" | "auto" if classifier is not None and (grey or data.features == "classifier"):
            return classifier
        case "classifier":
            raise UserError(f"features = 'classifier' needs labels, and {data.source!r} has none; use 'imagenet' or 'inception'")
        case "inception":
            from .inception import Inception, weights_file

            return Inception(weights_file(data.inception), device)
        case _:
            from .imagenet import ImageNet

            return ImageNet(device)
