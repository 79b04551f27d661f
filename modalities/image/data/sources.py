"""Where images come from: bundled, a data set that torchvision has stored, or a folder."""

from fortifai.errors import UserError
from fortifai.needs import Need

from ..config import ImageData
from .bundled import BUNDLED
from .folder import read_folder
from .pixels import Labelled
from .torchvision_sets import STORED

NAMES = sorted([*BUNDLED, *STORED])
LEAST_IMAGES = 50
"""Fewer images than this cannot be cut into a pool and two held-out parts that mean anything."""


def needs(data: ImageData) -> list[Need]:
    """Say which files of torchvision these settings read, and whether they are there. Reads nothing."""
    if data.source not in STORED:
        return []
    return [Need(f"the files of {data.source}, as torchvision keeps them", STORED[data.source].missing(data.root))]


def read(data: ImageData) -> Labelled:
    """Read all images that ``data`` names. Those of a folder have their final size, the others the one they come in.

    Raises UserError for images that are missing, unusable or fewer than 50, with the file at fault.
    """
    for need in needs(data):
        if need.missing is not None:
            raise UserError(f"{need.what}: {need.missing}")
    if data.source in BUNDLED:
        return BUNDLED[data.source]()
    if data.source in STORED:
        assert data.root is not None  # or it would be missing
        found = STORED[data.source].read(data.root)
    else:
        found = read_folder(data.source, data.size, LEAST_IMAGES, NAMES)
    if len(found.pixels) < LEAST_IMAGES:
        raise UserError(f"{data.source} holds {len(found.pixels)} images; at least {LEAST_IMAGES} are needed")
    return found
