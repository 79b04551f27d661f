"""Features of Inception V3, as clean-fid has them: the numbers of its mode "clean" (Parmar et al., 2022)."""

import platform
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fortifai.errors import UserError

from .batches import by_batches

FILE = "inception-2015-12-05.pt"
ADDRESS = f"https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/{FILE}"
LARGE = 32
"""Images in a batch: each is resized to 3 x 299 x 299."""


def weights(given: str | None) -> Path:
    """Give the file of weights: the one given (it, or the folder it is in), else where clean-fid would have downloaded it to.

    Raises UserError when it is not there; nothing is downloaded.
    """
    path = Path(given) if given else Path("." if platform.system() == "Windows" else "/tmp")
    file = path / FILE if path.is_dir() else path
    if file.name != FILE or not file.is_file():  # clean-fid looks for this name
        raise UserError(
            f"features = 'inception' needs the weights that clean-fid uses, a file named {FILE}, and {file} is not that; "
            f"download {ADDRESS} where there is a network, and give the file as data.inception"
        )
    return file


class Inception:
    """clean-fid's Inception V3. An image is seen as its 8-bit file would be: clean-fid reads files.

    Raises UserError when clean-fid is not installed, or cannot read the weights.
    """

    name = "inception"
    dimensions = 2048

    def __init__(self, file: Path, device: torch.device) -> None:
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
        """Give the features before the last layer, float64 (n, 2048); a grey image is one of three equal channels."""
        return by_batches(self._seen, x, self.device, LARGE).double()

    def _seen(self, x: Tensor) -> Tensor:
        pixels = (255 * x).round().expand(-1, 3, -1, -1).permute(0, 2, 3, 1).cpu().numpy()
        resized = torch.from_numpy(np.stack([self.resize(image) for image in pixels]))
        features: Tensor = self.network(resized.permute(0, 3, 1, 2).to(self.device))
        return features
