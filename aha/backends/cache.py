"""A key-value cache that is written in place, grows by doubling and lets rows leave.

All rows share one write position (prompts are padded on the left), so a step writes one column and attends to a view: nothing is
copied until rows leave or the buffer is full. Layers with a sliding window keep everything; the mask hides what is outside the window.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

_FIRST_ROOM = 64  # columns beyond the prompt to begin with


class _Layer(CacheLayerMixin):
    """One layer's keys and values, [rows, heads, room, size], of which the first `length` columns are filled."""

    is_sliding = False

    def __init__(self) -> None:
        super().__init__()
        self.length = 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        self.keys, self.values = _with_room(key_states, 0), _with_room(value_states, 0)
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None and self.values is not None
        end = self.length + key_states.shape[2]
        if end > self.keys.shape[2]:
            self.keys, self.values = _with_room(self.keys, self.length), _with_room(self.values, self.length)
        self.keys[:, :, self.length : end] = key_states
        self.values[:, :, self.length : end] = value_states
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        return self.length

    def get_max_length(self) -> int:
        return -1

    def keep(self, index_B: Tensor) -> None:
        """Only those rows stay, in that order; a row may be named several times (a prompt's samples share its prefill)."""
        assert self.keys is not None and self.values is not None
        self.keys = _chosen(self.keys, index_B, self.length)
        self.values = _chosen(self.values, index_B, self.length)


class RowCache(Cache):
    """The cache of all layers, for any model that takes `past_key_values`."""

    def __init__(self, layers: int) -> None:
        super().__init__(layers=[_Layer() for _ in range(layers)])

    def keep(self, index_B: Tensor) -> None:
        for layer in self.layers:
            layer.keep(index_B)


def _with_room(filled: Tensor, length: int) -> Tensor:
    """A buffer with twice the room (or the first room), holding what is filled."""
    rows, heads, room, size = filled.shape
    wider = filled.new_empty(rows, heads, max(2 * length, room + _FIRST_ROOM), size)
    wider[:, :, :length] = filled[:, :, :length]
    return wider


def _chosen(buffer: Tensor, index_B: Tensor, length: int) -> Tensor:
    rows = buffer.new_empty(len(index_B), *buffer.shape[1:])
    rows[:, :, :length] = buffer[:, :, :length].index_select(0, index_B)
    return rows
