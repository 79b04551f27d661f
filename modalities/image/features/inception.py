"""Features of Inception V3, as clean-fid has them: the numbers of its mode "clean" (Parmar et al., 2022)."""

import hashlib
import stat
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fortifai.cache import cache_folder
from fortifai.errors import UserError
from fortifai.sanitise import user_path

from .batches import in_batches

FILE = "inception-2015-12-05.pt"
ADDRESS = f"https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/{FILE}"
SHA256 = "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4"
"""Of the file at that address: the weights are a program, which is run."""

SMALL_BATCH = 32
"""Images in a batch, fewer than elsewhere: each is resized to 3 x 299 x 299."""


def weights_file(path: str | None) -> Path:
    """Return the file of weights. Nothing is downloaded.

    Args:
        path: The file or the folder it is in; None: the cache folder. What clean-fid itself downloads lies in /tmp, where anybody
            may have put it.

    Raises:
        UserError: It is not there, everybody can write to it or its folder, or it is not the file that clean-fid uses.
    """
    place = user_path(path) if path else cache_folder()
    file = place / FILE if place.is_dir() else place
    if file.name != FILE or not file.is_file():  # clean-fid looks for this name
        raise UserError(
            f"features = 'inception' needs the weights that clean-fid uses, a file named {FILE}, and {file} is not that; "
            f"download {ADDRESS} where there is a network, and set data.inception to the file, or put it into {cache_folder()}"
        )
    _refuse_writable_by_all(file)
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != SHA256:
        raise UserError(f"{file} is not what clean-fid uses: its SHA-256 is {digest}, not {SHA256}; download {ADDRESS}")
    return file


def _refuse_writable_by_all(file: Path) -> None:
    """Raise UserError for a file, or a link, that somebody else may put another file in the place of."""
    for path in (file, file.parent, file.resolve(), file.resolve().parent):
        if not path.is_symlink() and path.stat().st_mode & stat.S_IWOTH:
            raise UserError(
                f"{path} can be written by everybody, and weights are a program that is run: move {FILE} into a folder that "
                f"only you can write to, such as {cache_folder()}, and set data.inception to it"
            )


class Inception:
    """clean-fid's Inception V3. An image is seen as its 8-bit file would be: clean-fid reads files."""

    name = "inception"
    dimensions = 2048

    def __init__(self, file: Path, device: torch.device) -> None:
        """Load the network onto a device. Raises UserError when clean-fid is not installed, or cannot read the weights."""
        try:
            from cleanfid.inception_torchscript import InceptionV3W
            from cleanfid.resize import build_resizer
        except ImportError as error:
            raise UserError(f"features = 'inception' needs {error.name}; pip install 'fortifai[image]'") from None
        try:
            self.network = InceptionV3W(str(file.parent), download=False).to(device)
        except (RuntimeError, AttributeError) as error:
            raise UserError(f"{file} is not the Inception network of clean-fid: {str(error).strip().splitlines()[0]}") from None
        self.resize = build_resizer("clean")
        self.device = device

    def features(self, x: Tensor) -> Tensor:
        """Return the features before the last layer, float64 (n, 2048); a grey image is one of three equal channels."""
        return in_batches(self._of_files, x, self.device, SMALL_BATCH).double()

    def _of_files(self, x: Tensor) -> Tensor:
        pixels = (255 * x).round().expand(-1, 3, -1, -1).permute(0, 2, 3, 1).cpu().numpy()
        resized = torch.from_numpy(np.stack([self.resize(image) for image in pixels]))
        features: Tensor = self.network(resized.permute(0, 3, 1, 2).to(self.device))
        return features
