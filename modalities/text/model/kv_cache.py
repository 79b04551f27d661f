"""A key-value cache that is written in place; that of transformers copies its whole content with every token.

What that copying costs a small model is measured by benchmarks/test_regeneration.py.
"""

from typing import Any

from torch import Tensor
from transformers import Cache, DynamicCache, DynamicLayer, PreTrainedModel


class BufferedLayer(DynamicLayer):
    """A growing layer in a buffer of its final length: ``keys`` and ``values`` are views of the part that is filled."""

    def __init__(self, capacity: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._capacity = capacity
        self._buffers: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Append new keys and values, each (batch, heads, new, head size); return all of them, (batch, heads, T, head size)."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        filled = self.keys.shape[-2] if self.keys is not None and self.keys.numel() else 0
        stop = filled + key_states.shape[-2]
        keys, values = self._buffers_for(key_states, value_states, filled, stop)
        keys[..., filled:stop, :], values[..., filled:stop, :] = key_states, value_states
        self.keys, self.values = keys[..., :stop, :], values[..., :stop, :]
        return self.keys, self.values

    def _buffers_for(self, key_states: Tensor, value_states: Tensor, filled: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return buffers with what is filled and room up to ``stop``.

        They are the same as before, unless beams were reordered into new tensors in between.
        """
        buffers = self._buffers
        old_keys, old_values = self.keys, self.values
        same = buffers is not None and old_keys is not None and old_keys.data_ptr() == buffers[0].data_ptr()
        if buffers is not None and same and stop <= buffers[0].shape[-2]:
            return buffers
        length = max(self._capacity, stop)
        keys, values = (new.new_empty((*new.shape[:-2], length, new.shape[-1])) for new in (key_states, value_states))
        if filled and old_keys is not None and old_values is not None:
            keys[..., :filled, :] = old_keys
            values[..., :filled, :] = old_values
        self._buffers = keys, values
        return self._buffers


def buffered_cache(network: PreTrainedModel, capacity: int) -> Cache:
    """Return an empty cache for a network; layers of another kind (sliding windows) stay those of transformers.

    Args:
        network: The network that will fill it.
        capacity: The number of tokens that it is to hold; more make it grow.
    """
    cache = DynamicCache(config=network.config)
    cache.layers = [BufferedLayer(capacity) if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache
