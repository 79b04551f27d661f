"""A filmstrip: what the generations of a chain made, one below the other, composed of the pictures that show each."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from fortifai.records.layout import FIRST_ROW_KEY

if TYPE_CHECKING:
    from PIL.Image import Image

MARGIN = 36
"""Pixels on the left, for the number of a generation."""

GAP = 2
"""Pixels between generations."""

MOST_PIXELS = 2**26
"""Pixels of a picture, 8192 x 8192: a small file may unpack to more than the memory of any machine."""

MOST_DIGITS = 9
"""Digits of the height of a row."""


class UnreadablePicture(Exception):
    """A picture that cannot be decoded, or pictures that cannot be put together.

    The text says why. ``path``: the file, or the folder of the pictures.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path


def compose(pictures: Sequence[tuple[str, Path]], file: Path) -> None:
    """Write a filmstrip as PNG: the first row of samples of each picture, one below the other.

    Args:
        pictures: The label and the file of each, from top to bottom; at least one.
        file: The file to write.

    Raises:
        UnreadablePicture: For the first picture that cannot be decoded, or when all together are too large; nothing is written.
        OSError: When the file cannot be written.
    """
    from PIL import Image, ImageDraw

    rows = [(label, _first_row(path)) for label, path in pictures]
    size = MARGIN + max(row.width for _, row in rows), sum(row.height + GAP for _, row in rows) - GAP
    try:
        strip = Image.new("RGB", size, "white")
    except (MemoryError, ValueError):
        raise UnreadablePicture(pictures[0][1].parent, f"too large for a strip of {size[0]} x {size[1]} pixels") from None
    pen, top = ImageDraw.Draw(strip), 0
    for label, row in rows:
        strip.paste(row, (MARGIN, top))
        pen.text((MARGIN - 6, top + row.height // 2), label, fill="black", anchor="rm")
        top += row.height + GAP
    strip.save(file, format="PNG")


def first_row(path: Path) -> bytes:
    """Return the first row of samples of a picture as PNG; all of one that does not say how high its rows are.

    Raises:
        UnreadablePicture: It cannot be decoded, or what it says of its rows is no height.
    """
    content = BytesIO()
    _first_row(path).save(content, format="PNG")
    return content.getvalue()


def check_picture(path: Path) -> None:
    """Raise UnreadablePicture when a picture cannot be decoded."""
    _decode(path)


def _first_row(path: Path) -> "Image":
    """Return the upper part of a picture, as high as it says that its first row of samples is."""
    picture = _decode(path)
    declared = str(picture.info.get(FIRST_ROW_KEY, picture.height))
    if not declared.isdecimal() or len(declared) > MOST_DIGITS or int(declared) == 0:
        raise UnreadablePicture(path, f"{FIRST_ROW_KEY} is {declared}, and should be the height of a row in pixels")
    return picture.crop((0, 0, picture.width, min(int(declared), picture.height)))


def _decode(path: Path) -> "Image":
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=["PNG"]) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise UnreadablePicture(path, f"{picture.width} x {picture.height} pixels, and at most {MOST_PIXELS} are decoded")
            return picture.convert("RGB")
    except UnreadablePicture:
        raise
    except UnidentifiedImageError:
        raise UnreadablePicture(path, "not a picture") from None
    except Exception as error:  # a decoder raises whatever a broken file leads it to: SyntaxError, zlib.error, struct.error ...
        message = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UnreadablePicture(path, message or type(error).__name__) from error
