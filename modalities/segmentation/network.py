"""A U-Net of torchvision's blocks, whose pixels are compared with the descriptions of classes.

n scenes, C channels of a level, S x S pixels, K classes.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import Conv2dNormActivation


class SemanticUNet(nn.Module):
    """Turns every pixel into a semantic vector, and that into logits of classes: its products with their descriptions.

    The projection is that of Xian et al., *Semantic Projection Network for Zero- and Few-Label Semantic Segmentation* (CVPR
    2019): p(class) is the softmax of the products, the descriptions are fixed, and a class has logits before anything of it
    was labelled.

    A level has one convolution on the way down and one on the way up, with batch normalisation: normalised in groups, which keeps
    no running averages, the same network had learnt a quarter as much after twenty passes.

    Args:
        channels: Of each level, finest first.
        descriptions: Of the classes, float32 (K, cells).
    """

    descriptions: Tensor

    def __init__(self, channels: Sequence[int], descriptions: Tensor) -> None:
        super().__init__()
        self.down = nn.ModuleList(Conv2dNormActivation(*pair) for pair in pairwise((1, *channels)))
        self.up = nn.ModuleList(Conv2dNormActivation(fine + coarse, fine) for fine, coarse in pairwise(channels))
        self.project = nn.Conv2d(channels[0], descriptions.shape[1], kernel_size=1)
        self.register_buffer("descriptions", descriptions, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of every pixel's class, float32 (n, K, S, S), of scenes, (n, 1, S, S) in [0, 1]."""
        level, levels = 2 * x - 1, []
        for depth, block in enumerate(self.down):
            level = block(level if depth == 0 else functional.max_pool2d(level, 2))
            levels.append(level)
        for fine, block in zip(levels[-2::-1], reversed(self.up), strict=True):
            level = block(torch.cat([fine, functional.interpolate(level, scale_factor=2.0)], dim=1))
        return torch.einsum("nchw,kc->nkhw", self.project(level), self.descriptions)
