"""Networks that only look at images: a batch at a time, without gradients."""

from collections.abc import Callable

import torch
from torch import Tensor

BATCH = 256


@torch.inference_mode()
def by_batches(network: Callable[[Tensor], Tensor], x: Tensor, device: torch.device, batch: int = BATCH) -> Tensor:
    """Apply a network to images (n, ...), n >= 1, on a device; give its output (n, ...) on the CPU."""
    return torch.cat([network(part.to(device)).cpu() for part in x.split(batch)])
