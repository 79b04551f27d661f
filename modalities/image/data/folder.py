"""A user's folder of images, or a clear message on which file of it cannot be used and why."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fortifai.errors import UserError, did_you_mean
from fortifai.sanitise import user_path

from .pixels import LabelledImages, final_side, resize, to_unit_range

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Whatever its ending, a file is read as one of these: Pillow has some forty readers more, few of which are much tried."""

MOST_PIXELS = 2**26
"""Pixels of one image, 8192 x 8192: a small file may unpack to more than the memory of any machine."""


def read_folder(source: str, size: int | None, least: int, known: Sequence[str]) -> LabelledImages:
    """Read the images in a folder and below, in the order of their paths; hidden files and folders are passed over.

    If every image lies in a sub-folder, and there are at least two of these, the sub-folders directly below the folder are
    the classes. The images are square, and all grey or all colour; they may differ in size where ``size`` is set.

    Args:
        source: The folder.
        size: Pixels of the side that every image is resized to; None: their own.
        least: Fewest images.
        known: Names of data sets, of which ``source`` may be a misspelling.

    Raises:
        UserError: The folder is missing (with the nearest of the known names), holds too few images, or one that cannot be used.
    """
    folder = user_path(source)
    if not folder.is_dir():
        hint = did_you_mean(source, known) or f"data sets by name: {', '.join(known)}"
        file = "is a file, not a folder of images"
        problem = file if folder.exists() else "is neither a folder of images nor the name of a data set"
        raise UserError(f"{source!r} {problem}; {hint}")
    files = find_images(folder)
    if len(files) < least:
        kinds = f" ({', '.join(ENDINGS)})"
        raise UserError(f"{source} holds {len(files) or 'no'} images{kinds}; at least {least} are needed")
    images = _stacked([(file, _read_resized(file, size)) for file in files])
    sub_folders = [file.relative_to(folder).parts[0] for file in files]
    positions = {name: position for position, name in enumerate(sorted(set(sub_folders)))}
    if len(positions) < 2 or any(file.parent == folder for file in files):
        return LabelledImages(images)
    return LabelledImages(images, torch.tensor([positions[name] for name in sub_folders]), tuple(positions))


def find_images(folder: Path) -> list[Path]:
    """Return the image files in a folder and below, in the order of their paths, links followed, hidden ones left out.

    Raises:
        UserError: A folder cannot be read.
    """
    files: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=_refuse_unreadable, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        images = [name for name in names if name.lower().endswith(ENDINGS) and not name.startswith(".")]
        files += [Path(parent, name) for name in images]
    return sorted(files, key=lambda file: file.parts)


def read_image(file: Path) -> Tensor:
    """Read one image.

    Grey and black-and-white images have C = 1; those of RGB or of a palette C = 3. What is transparent lies on white. A
    turned photograph (EXIF) is upright. Floating-point numbers must lie in [0, 1].

    Returns:
        uint8 (C, H, W) in 0 ... 255, or float32 in [0, 1] where the file has 16 bits or floating-point numbers.

    Raises:
        UserError: The image is broken, too large, of several frames, or of other colours (CMYK, 32-bit integers ...), or it holds
            NaN or a number out of range, with its row and column, counted from 1.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(file, formats=FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise ValueError(f"it has {opened.width} x {opened.height} pixels, and at most {MOST_PIXELS} can be read")
            # A phone's .jpg may hold a second, smaller view of the same picture; its format is then MPO.
            frames = 1 if opened.format == "MPO" else getattr(opened, "n_frames", 1)
            image = ImageOps.exif_transpose(opened)
    except UnidentifiedImageError:
        raise UserError(f"{file} cannot be read as an image: it is none of {', '.join(FORMATS)}") from None
    except Exception as error:  # at a broken file, Pillow's readers raise nearly anything
        raise UserError(f"{file} cannot be read as an image: {error}") from error
    if frames > 1:
        raise UserError(f"{file} has {frames} frames; one image a file is needed")
    if image.mode.startswith("I;16"):
        return torch.from_numpy(np.array(image).astype(np.float32) / 65535)[None]
    if image.mode == "F":
        return torch.from_numpy(_in_range(np.array(image, dtype=np.float32), file))[None]
    return _eight_bits(image, file)


def _eight_bits(image: "Image", file: Path) -> Tensor:
    from PIL import Image

    if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX"):
        kind = {"I": "32-bit integers, whose range is unknown"}.get(image.mode, image.mode)
        raise UserError(f"{file}: its pixels are {kind}; save it as grey or as RGB")
    mode = "L" if image.mode in ("1", "L", "LA") else "RGB"
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    pixels = torch.from_numpy(np.array(image.convert(mode)))
    return pixels[None] if mode == "L" else pixels.permute(2, 0, 1)


def _in_range(values: NDArray[np.float32], file: Path) -> NDArray[np.float32]:
    wrong = ~((values >= 0) & (values <= 1))  # so that NaN is wrong, too
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        value, pixel = values[row, column], f"{file}: the pixel in row {row + 1}, column {column + 1}"
        if np.isnan(value):
            raise UserError(f"{pixel} is NaN")
        raise UserError(f"{pixel} is {value:g}; floating-point pixels must lie in 0 ... 1")
    return values


def _read_resized(file: Path, size: int | None) -> Tensor:
    """Read an image at its final size, so that large photographs are not held in memory all at once."""
    image = read_image(file)
    height, width = image.shape[1:]
    if height != width:
        raise UserError(f"{file} is not square: {width} x {height} pixels; crop or pad it, which nothing here does for you")
    return resize(image[None], final_side(width, size, str(file)))[0]


def _stacked(images: list[tuple[Path, Tensor]]) -> Tensor:
    """Stack images. Raises UserError that names the first whose channels or size are not those of the first image."""
    first_file, first = images[0]
    for file, image in images:
        if len(image) != len(first):
            kinds = {1: "grey", 3: "colour"}
            both = f"{file} is {kinds[len(image)]}, but {first_file} is {kinds[len(first)]}"
            raise UserError(f"{both}; save all of them the same way")
        if image.shape != first.shape:
            sides = f"{image.shape[1]} x {image.shape[1]} pixels, but {first_file} {first.shape[1]} x {first.shape[1]}"
            raise UserError(f"{file} has {sides}; set data.size to resize all of them")
    # One image of 16 bits among those of 8 makes all of them floats.
    eight_bits = all(image.dtype == torch.uint8 for _, image in images)
    return torch.stack([image if eight_bits else to_unit_range(image) for _, image in images])


def _refuse_unreadable(error: OSError) -> None:
    raise UserError(f"{error.filename} cannot be read: {error.strerror}") from error
