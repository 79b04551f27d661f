"""A user's folder of images, or a clear word on which file of it cannot be used and why."""

import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fortifai.errors import UserError

from .pixels import Labelled, resized, side_for, unit

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def read_folder(source: str, size: int | None, least: int, known: Sequence[str]) -> Labelled:
    """Read the images in a folder and below, in the order of their paths; hidden files and folders are passed over.

    If every image lies in a sub-folder, and there are at least two of these, the sub-folders directly below the folder are
    the classes. The images are square, and all grey or all colour; they may differ in size where ``size`` is set.
    Raises UserError for a folder that is missing (with the nearest of the ``known`` names) or holds fewer than ``least``
    images, and for an image that cannot be used.
    """
    folder = Path(source).expanduser()
    if not folder.is_dir():
        near = get_close_matches(source, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"data sets by name: {', '.join(known)}"
        what = "is a file, not a folder of images" if folder.exists() else "is no folder of images, nor the name of a data set"
        raise UserError(f"{source!r} {what}; {hint}")
    files = find_images(folder)
    if len(files) < least:
        kinds = f" ({', '.join(ENDINGS)})"
        raise UserError(f"{source} holds {len(files) or 'no'} images{kinds}; at least {least} are needed")
    images = _alike([(file, _fitted(file, size)) for file in files], size)
    below = [file.relative_to(folder).parts[0] for file in files]
    places = {name: place for place, name in enumerate(sorted(set(below)))}
    if len(places) < 2 or any(file.parent == folder for file in files):
        return Labelled(images)
    return Labelled(images, torch.tensor([places[name] for name in below]), tuple(places))


def find_images(folder: Path) -> list[Path]:
    """List the image files in a folder and below, in the order of their paths, links followed, hidden ones left out."""
    found = []
    for here, folders, names in os.walk(folder, onerror=_unreadable, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        images = [name for name in names if name.lower().endswith(ENDINGS) and not name.startswith(".")]
        found += [Path(here, name) for name in images]
    return sorted(found, key=lambda file: file.parts)


def read_image(file: Path) -> Tensor:
    """Read one image, uint8 (C, H, W), or float32 in [0, 1] where it has 16 bits or floating-point numbers.

    Grey and black-and-white images have C = 1; those of RGB or of a palette C = 3. What is transparent lies on white. A
    turned photograph (EXIF) is upright. Floating-point numbers must lie in [0, 1].
    Raises UserError for an image that is broken, of several frames, of other colours (CMYK, 32-bit integers ...), or holds
    NaN or a number out of range, with its row and column, counted from 1.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as opened:
            # A phone's .jpg may hold a second, smaller view of the same picture; its format is then MPO.
            frames = 1 if opened.format == "MPO" else getattr(opened, "n_frames", 1)
            image = ImageOps.exif_transpose(opened)
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
    form = "L" if image.mode in ("1", "L", "LA") else "RGB"
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    pixels = torch.from_numpy(np.array(image.convert(form)))
    return pixels[None] if form == "L" else pixels.permute(2, 0, 1)


def _in_range(values: NDArray[np.float32], file: Path) -> NDArray[np.float32]:
    wrong = ~((values >= 0) & (values <= 1))  # so that NaN is wrong, too
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        found, where = values[row, column], f"{file}: the pixel in row {row + 1}, column {column + 1}"
        if np.isnan(found):
            raise UserError(f"{where} is NaN")
        raise UserError(f"{where} is {found:g}; floating-point pixels must lie in 0 ... 1")
    return values


def _fitted(file: Path, size: int | None) -> Tensor:
    """Read an image at its final size, so that large photographs are not held in memory all at once."""
    image = read_image(file)
    height, width = image.shape[1:]
    if height != width:
        raise UserError(f"{file} is not square: {width} x {height} pixels; crop or pad it, which nothing here does for you")
    return resized(image[None], side_for(width, size, str(file)))[0]


def _alike(images: list[tuple[Path, Tensor]], size: int | None) -> Tensor:
    """Stack images. Raises UserError that names the first whose channels or size are not those of the first image."""
    first, model = images[0]
    for file, image in images:
        if len(image) != len(model):
            kinds = {1: "grey", 3: "colour"}
            raise UserError(f"{file} is {kinds[len(image)]}, but {first} is {kinds[len(model)]}; save all of them the same way")
        if image.shape != model.shape:
            sides = f"{image.shape[1]} x {image.shape[1]} pixels, but {first} {model.shape[1]} x {model.shape[1]}"
            raise UserError(f"{file} has {sides}; set data.size to resize all of them")
    # One image of 16 bits among those of 8 makes all of them floats.
    whole = all(image.dtype == torch.uint8 for _, image in images)
    return torch.stack([image if whole else unit(image) for _, image in images])


def _unreadable(error: OSError) -> None:
    raise UserError(f"{error.filename} cannot be read: {error.strerror}") from error
