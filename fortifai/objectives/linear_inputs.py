"""The inputs of the fused loss, checked: the tokens that count, and the layer that predicts them."""

from typing import NamedTuple

import torch
from torch import Tensor

from fortifai.errors import UserError

LOGITS = 2**23
"""Logits held at once, unless told otherwise: 32 MiB, large enough for the products to run at full speed."""


class _Tokens(NamedTuple):
    """The tokens that are not ignored, and the layer that is to predict them."""

    hidden: Tensor  # (n, D)
    weight: Tensor  # (V, D)
    bias: Tensor | None  # (V,)
    targets: Tensor  # (n,)
    weights: Tensor | None  # (n,) of the tokens, in the type of sums
    counted: Tensor  # of the targets' shape: which tokens these are
    dtype: torch.dtype  # of the products
    chunk_size: int

    @property
    def wide(self) -> torch.dtype:
        """The type of sums: double for double, single for all others."""
        return torch.promote_types(self.dtype, torch.float32)

    def spread(self, values: Tensor, ignored: float) -> Tensor:
        """Put a value of every token where it stood among the targets."""
        everywhere = values.new_full(self.counted.shape, ignored)
        everywhere[self.counted] = values
        return everywhere

    def only(self, rows: Tensor) -> "_Tokens":
        weights = None if self.weights is None else self.weights[rows]
        return self._replace(hidden=self.hidden[rows], targets=self.targets[rows], weights=weights)


def _checked(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    bias: Tensor | None,
    token_weights: Tensor | None,
    ignore_index: int,
    chunk_size: int | None,
) -> _Tokens:
    def wrong(what: str) -> UserError:
        return UserError(f"linear_cross_entropy: {what}")

    if weight.dim() != 2:
        raise wrong(f"weight should be (vocabulary, width), and is {tuple(weight.shape)}")
    vocabulary, width = weight.shape
    if hidden.dim() == 0 or hidden.shape[-1] != width:
        raise wrong(f"hidden should be (..., {width}) for a weight {tuple(weight.shape)}, and is {tuple(hidden.shape)}")
    if targets.shape != hidden.shape[:-1]:
        raise wrong(
            f"targets should be {tuple(hidden.shape[:-1])}, as hidden without its last dimension, and are {tuple(targets.shape)}"
        )
    if bias is not None and bias.shape != (vocabulary,):
        raise wrong(f"bias should be ({vocabulary},), one a row of weight, and is {tuple(bias.shape)}")
    if token_weights is not None and token_weights.shape != targets.shape:
        raise wrong(f"token_weights should be {tuple(targets.shape)}, as the targets, and are {tuple(token_weights.shape)}")
    if targets.dtype != torch.int64:
        raise wrong(f"targets should be int64, and are {_short(targets.dtype)}")
    floats = {"hidden": hidden, "weight": weight} | ({} if bias is None else {"bias": bias})
    for name, given in floats.items():
        if not given.is_floating_point():
            raise wrong(f"{name} should be a floating-point tensor, and is {_short(given.dtype)}")
        if given.device != hidden.device:
            raise wrong(f"{name} is on {given.device}, and hidden on {hidden.device}; move one of them")
    kind = hidden.device.type
    if torch.is_autocast_enabled(kind) and hidden.dtype != torch.float64:
        dtype = torch.get_autocast_dtype(kind)
    else:
        dtype = hidden.dtype
        if any(given.dtype != dtype for given in floats.values()):
            said = ", ".join(f"{name} {_short(given.dtype)}" for name, given in floats.items())
            raise wrong(f"one dtype is needed, or autocast; given {said}")
    if chunk_size is None:
        chunk_size = max(1, LOGITS // max(1, vocabulary))
    elif chunk_size < 1:
        raise wrong(f"chunk_size should be at least 1 token, and is {chunk_size}")
    counted = targets != ignore_index
    flat, labels = hidden.reshape(-1, width), targets.reshape(-1)
    wide = torch.promote_types(dtype, torch.float32)
    weights = None if token_weights is None else token_weights.detach().reshape(-1).to(hidden.device, wide)
    if not bool(counted.all()):
        rows = counted.reshape(-1).nonzero().squeeze(1)
        flat, labels, weights = flat.index_select(0, rows), labels[rows], None if weights is None else weights[rows]
    if labels.numel():
        lowest, highest = int(labels.min()), int(labels.max())
        if lowest < 0 or highest >= vocabulary:
            raise wrong(
                f"targets should lie in 0 ... {vocabulary - 1} or be {ignore_index} (ignored), and go from {lowest} to {highest}"
            )
    return _Tokens(flat, weight, bias, labels, weights, counted, dtype, chunk_size)


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
