"""Where images come from: a package, the files of a data set of torchvision, or a folder."""

from fortifai.errors import UserError
from fortifai.needs import Need

from ..config import ImageData
from .bundled import BUNDLED
from .folder import read_folder
from .pixels import LabelledImages
from .torchvision_sets import TORCHVISION_SETS

NAMES = sorted([*BUNDLED, *TORCHVISION_SETS])
LEAST_IMAGES = 50
"""Fewer images than this cannot be cut into a pool and two held-out parts that mean anything."""


def needs(data: ImageData) -> list[Need]:
    """Return the files of torchvision that these settings read, and which of them are missing; none for other sources.

    Reads nothing.
    """
    if data.source not in TORCHVISION_SETS:
        return []
    return [TORCHVISION_SETS[data.source].need(data.root)]


def read_images(data: ImageData) -> LabelledImages:
    """Read all images that ``data`` names. Those of a folder have their final size, the others the one they come in.

    Raises:
        UserError: Images are missing, unusable or fewer than 50, with the file at fault.
    """
    if data.source in BUNDLED:
        return BUNDLED[data.source]()
    if data.source in TORCHVISION_SETS:
        images = TORCHVISION_SETS[data.source].read(data.root)
    else:
        images = read_folder(data.source, data.size, LEAST_IMAGES, NAMES)
    if len(images.pixels) < LEAST_IMAGES:
        raise UserError(f"{data.source} holds {len(images.pixels)} images; at least {LEAST_IMAGES} are needed")
    return images
