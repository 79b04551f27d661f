"""Weights of a wide network from those of narrow ones: on the diagonal, and nothing off it."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

OUTPUTS_FIRST = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Layers whose weight is (outputs, inputs, ...)."""

INPUTS_FIRST = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Embedding)
"""Layers whose weight is (inputs, outputs, ...)."""


@torch.no_grad()
def couple(narrow: Sequence[nn.Module], wide: nn.Module, stacked: Mapping[str, int] | None = None) -> None:
    """Set the weights of a wide network to those of narrow ones, block by block, in place; no parameter is new or learned.

    Inputs and outputs that grow lie one narrow network's after the other's, and the weights between different networks' are 0.
    What does not grow is shared: all read the same input, such as the pixels of an image, and an output, such as the logits, is
    the mean of theirs. So the wide network computes what the narrow ones do side by side, but for normalisation, which goes
    over all of them. Everything stays trainable, zeros included.

    Args:
        narrow: k networks of the same layers and widths.
        wide: A network of the same layers, whose inner widths are k times theirs.
        stacked: How many vectors lie one after the other in a layer's output, by its name, where it is more than one.

    Raises:
        TypeError: A layer with a matrix is of none of the known kinds.
    """
    k, done = len(narrow), set[int]()
    for name, layer in wide.named_modules():
        parts = [network.get_submodule(name) for network in narrow]
        for key, target in layer.named_parameters(recurse=False):
            if id(target) in done:  # an output layer that shares its weight with the embedding
                continue
            done.add(id(target))
            blocks = [part.get_parameter(key) for part in parts]
            if target.ndim < 2:
                target.copy_(
                    _outputs(blocks, target, (stacked or {}).get(name, 1)) if len(target) > len(blocks[0]) else _mean(blocks)
                )
            elif isinstance(layer, OUTPUTS_FIRST):
                target.copy_(_matrix(blocks, target, (stacked or {}).get(name, 1)))
            elif isinstance(layer, INPUTS_FIRST):
                flipped = [block.transpose(0, 1) for block in blocks]
                target.copy_(_matrix(flipped, target.transpose(0, 1), (stacked or {}).get(name, 1)).transpose(0, 1))
            else:
                raise TypeError(f"{name}: it is not known how a {type(layer).__name__} is coupled from {k}")


def _matrix(blocks: Sequence[Tensor], like: Tensor, stacked: int) -> Tensor:
    """Return a weight, (outputs, inputs, ...), of blocks: on the diagonal if both grow, beside each other if one does."""
    outputs, inputs = blocks[0].shape[:2]
    grow_out, grow_in = like.shape[0] > outputs, like.shape[1] > inputs
    if not grow_in:
        return _outputs(blocks, like, stacked) if grow_out else _mean(blocks)
    if not grow_out:
        return torch.cat(list(blocks), dim=1) / len(blocks)
    rows = []
    for place, block in enumerate(blocks):
        row = torch.zeros(outputs, *like.shape[1:], dtype=block.dtype, device=block.device)
        row[:, place * inputs : (place + 1) * inputs] = block
        rows.append(row)
    return _outputs(rows, like, stacked)


def _outputs(blocks: Sequence[Tensor], like: Tensor, stacked: int) -> Tensor:
    """Return blocks one after the other along their outputs, within each of the vectors that are stacked there."""
    each = [block.reshape(stacked, -1, *block.shape[1:]) for block in blocks]
    return torch.cat(each, dim=1).reshape(like.shape)


def _mean(blocks: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(blocks)).mean(dim=0)
