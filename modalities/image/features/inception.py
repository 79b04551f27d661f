"""Features of Inception V3, as clean-fid has them: the numbers of its mode "clean" (Parmar et al., 2022)."""

import platform
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fortifai.errors import UserError

from .batches import in_batches

FILE = "inception-2015-12-05.pt"
ADDRESS = f"https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/{FILE}"
SMALL_BATCH = 32
"""Images in a batch, fewer than elsewhere: each is resized to 3 x 299 x 299."""


def weights_file(path: str | None) -> Path:
    """Return the file of weights. Nothing is downloaded.

    Args:
        path: The file or the folder it is in; None: where clean-fid would have downloaded it to.

    Raises:
        UserError: It is not there.
    """
    place = Path(path) if path else Path("." if platform.system() == "Windows" else "/tmp")
    file = place / FILE if place.is_dir() else place
    if file.name != FILE or not file.is_file():  # clean-fid looks for this name
        raise UserError(
            f"features = 'inception' needs the weights that clean-fid uses, a file named {FILE}, and {file} is not that; "
            f"download {ADDRESS} where there is a network, and set data.inception to the file"
        )
    return file


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
