"""The inputs of the fused loss, checked: the tokens that count, and the layer that predicts them.

Suffixes in shapes: n tokens that count, D width, V vocabulary.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from fortifai.errors import UserError

LOGITS = 2**23
"""Logits held at once by default: 32 MiB in single precision, enough for the products to run at full speed."""


class Tokens(NamedTuple):
    """The tokens that are not ignored, and the output layer that predicts them.

    The first three are those that may need a gradient.
    """

    hidden: Tensor  # (n, D)
    weight: Tensor  # (V, D)
    bias: Tensor | None  # (V,)
    targets: Tensor  # int64 (n,)
    weights: Tensor | None  # (n,), of the tokens' losses, in the type of sums
    counted: Tensor  # bool, of the shape of the caller's targets: which of them these n are
    dtype: torch.dtype  # of the products
    chunk_size: int  # tokens whose logits are held at once

    @property
    def wide(self) -> torch.dtype:
        """The type of sums: float64 for float64, float32 for all others."""
        return _wide(self.dtype)

    def spread(self, values: Tensor, ignored: float) -> Tensor:
        """Return a tensor of the shape of the caller's targets: ``values`` (n,) where they count, ``ignored`` elsewhere."""
        everywhere = values.new_full(self.counted.shape, ignored)
        everywhere[self.counted] = values
        return everywhere

    def only(self, rows: Tensor) -> "Tokens":
        """Return the tokens at these positions, int64 (m,); ``counted`` still is of all."""
        weights = None if self.weights is None else self.weights[rows]
        return self._replace(hidden=self.hidden[rows], targets=self.targets[rows], weights=weights)


def checked_tokens(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    bias: Tensor | None,
    token_weights: Tensor | None,
    ignore_index: int,
    chunk_size: int | None,
) -> Tokens:
    """Return the tokens that count, flattened.

    Args:
        hidden: (..., D).
        weight: (V, D).
        targets: int64 (...), in 0 ... V - 1 or ``ignore_index``.
        bias: (V,) or None.
        token_weights: (...) or None.
        ignore_index: The target of tokens that do not count.
        chunk_size: Tokens whose logits are held at once, >= 1; None: as many as make `LOGITS`.

    Raises:
        UserError: A shape, type, device or target does not fit; names the argument and what was expected.
    """
    _check_shapes(hidden, weight, targets, bias, token_weights)
    if targets.dtype != torch.int64:
        raise _error(f"targets should be int64, and are {_short(targets.dtype)}")
    dtype = _type_of_products(hidden, weight, bias)
    vocabulary, width = weight.shape
    if chunk_size is None:
        chunk_size = max(1, LOGITS // max(1, vocabulary))
    elif chunk_size < 1:
        raise _error(f"chunk_size should be at least 1 token, and is {chunk_size}")
    counted = targets != ignore_index
    flat, labels = hidden.reshape(-1, width), targets.reshape(-1)
    weights = None if token_weights is None else token_weights.detach().reshape(-1).to(hidden.device, _wide(dtype))
    if not bool(counted.all()):
        rows = counted.reshape(-1).nonzero().squeeze(1)
        flat, labels, weights = flat.index_select(0, rows), labels[rows], None if weights is None else weights[rows]
    if labels.numel():
        lowest, highest = int(labels.min()), int(labels.max())
        if lowest < 0 or highest >= vocabulary:
            raise _error(
                f"targets should lie in 0 ... {vocabulary - 1} or be {ignore_index} (ignored), and go from {lowest} to {highest}"
            )
    return Tokens(flat, weight, bias, labels, weights, counted, dtype, chunk_size)


def _check_shapes(hidden: Tensor, weight: Tensor, targets: Tensor, bias: Tensor | None, token_weights: Tensor | None) -> None:
    if weight.dim() != 2:
        raise _error(f"weight should be (vocabulary, width), and is {tuple(weight.shape)}")
    vocabulary, width = weight.shape
    if hidden.dim() == 0 or hidden.shape[-1] != width:
        raise _error(f"hidden should be (..., {width}) for a weight {tuple(weight.shape)}, and is {tuple(hidden.shape)}")
    if targets.shape != hidden.shape[:-1]:
        raise _error(
            f"targets should be {tuple(hidden.shape[:-1])}, as hidden without its last dimension, and are {tuple(targets.shape)}"
        )
    if bias is not None and bias.shape != (vocabulary,):
        raise _error(f"bias should be ({vocabulary},), one for each row of weight, and is {tuple(bias.shape)}")
    if token_weights is not None and token_weights.shape != targets.shape:
        raise _error(f"token_weights should be {tuple(targets.shape)}, as the targets, and are {tuple(token_weights.shape)}")


def _type_of_products(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> torch.dtype:
    """Return the type that products are computed in: that of autocast or of the inputs, which then must be one."""
    layer = {"hidden": hidden, "weight": weight} | ({} if bias is None else {"bias": bias})
    for name, tensor in layer.items():
        if not tensor.is_floating_point():
            raise _error(f"{name} should be a floating-point tensor, and is {_short(tensor.dtype)}")
        if tensor.device != hidden.device:
            raise _error(f"{name} is on {tensor.device}, and hidden on {hidden.device}; move one of them")
    kind = hidden.device.type
    if torch.is_autocast_enabled(kind) and hidden.dtype != torch.float64:
        return torch.get_autocast_dtype(kind)
    if any(tensor.dtype != hidden.dtype for tensor in layer.values()):
        types = ", ".join(f"{name} {_short(tensor.dtype)}" for name, tensor in layer.items())
        raise _error(f"one dtype is needed, or autocast; got {types}")
    return hidden.dtype


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


def _error(what: str) -> UserError:
    return UserError(f"linear_cross_entropy: {what}")


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
