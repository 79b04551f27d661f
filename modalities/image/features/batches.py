"""Networks that only look at images: a batch at a time, without gradients."""

from collections.abc import Callable

import torch
from torch import Tensor

BATCH = 256


@torch.inference_mode()
def in_batches(network: Callable[[Tensor], Tensor], x: Tensor, device: torch.device, batch: int = BATCH) -> Tensor:
    """Apply a network to images, batch by batch.

    Args:
        network: Returns (b, ...) of images (b, C, H, W), on ``device``.
        x: Images, float32 (n, C, H, W), n >= 1, on the CPU.
        device: Where the network is.
        batch: Images at once.

    Returns:
        Its output, (n, ...), on the CPU.
    """
    return torch.cat([network(part.to(device)).cpu() for part in x.split(batch)])
