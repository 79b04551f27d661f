"""A key-value cache that is written in place: the one of transformers copies all that is there with every token.

What that copying costs a small model is measured by benchmarks/test_regeneration.py.
"""

from typing import Any

from torch import Tensor
from transformers import Cache, DynamicCache, DynamicLayer, PreTrainedModel


class BufferedLayer(DynamicLayer):
    """A growing layer in a buffer of its final length: ``keys`` and ``values`` are views of what is filled."""

    def __init__(self, capacity: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._capacity = capacity
        self._buffers: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Append new keys and values, (batch, heads, new, head size), and give all of them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        filled = self.keys.shape[-2] if self.keys is not None and self.keys.numel() else 0
        stop = filled + key_states.shape[-2]
        keys, values = self._room(key_states, value_states, filled, stop)
        keys[..., filled:stop, :], values[..., filled:stop, :] = key_states, value_states
        seen = keys[..., :stop, :], values[..., :stop, :]
        self.keys, self.values = seen
        return seen

    def _room(self, key_states: Tensor, value_states: Tensor, filled: int, stop: int) -> tuple[Tensor, Tensor]:
        """Give buffers that hold what is filled: the same ones, unless beams were reordered into new tensors in between."""
        here = self._buffers
        old_keys, old_values = self.keys, self.values
        same = here is not None and old_keys is not None and old_keys.data_ptr() == here[0].data_ptr()
        if here is not None and same and stop <= here[0].shape[-2]:
            return here
        length = max(self._capacity, stop)
        keys, values = (new.new_empty((*new.shape[:-2], length, new.shape[-1])) for new in (key_states, value_states))
        if filled and old_keys is not None and old_values is not None:
            keys[..., :filled, :] = old_keys
            values[..., :filled, :] = old_values
        self._buffers = keys, values
        return self._buffers


def buffered_cache(network: PreTrainedModel, capacity: int) -> Cache:
    """Give an empty cache for ``capacity`` tokens; layers of another kind (sliding windows) stay those of transformers."""
    cache = DynamicCache(config=network.config)
    cache.layers = [BufferedLayer(capacity) if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache
