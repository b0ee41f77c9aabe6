"""Key-value caches. In a row cache, rows are aligned on the right: it is written in place and grows by doubling, and rows leave and join.

All rows share one write position. A row of n tokens owns the last n columns; the columns before are masked. So a step writes one column and
attends to a view, and nothing is copied until rows leave or join or the buffer is full. Layers with a sliding window keep everything; the
mask hides the tokens outside the window.

Buckets are for batches whose rows differ in length: each row is among others of about its length, so a long one makes no other longer. A
bucket is a buffer of rows of one width. A row's tokens fill it from the left, and a full row moves into the next wider one, so that over
its life it is copied about three times. Attention reads a bucket's whole width, including unfilled columns: contiguous memory is read two
to four times as fast, and a mask removes the columns that are not a row's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

_FIRST_ROOM = 64  # the initial columns beyond the prompt


class _Layer(CacheLayerMixin):
    """The keys and values of one layer, [rows, heads, room, size], of which the first `length` columns are filled."""

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

    def keep(self, index_B: Tensor, columns: int) -> None:
        """Keep only the given rows, in the given order, and only their last columns; a row may be named several times."""
        assert self.keys is not None and self.values is not None
        first = self.length - columns
        self.keys = _chosen(self.keys, index_B, first, columns)
        self.values = _chosen(self.values, index_B, first, columns)
        self.length = columns

    def take(self, rows: Sequence[tuple[_Layer, int, int]]) -> None:
        """Begin with the first columns of rows of other layers, aligned on the right."""
        self.length = max(1, *(size for _, _, size in rows))
        shapes = [rows[0][0].keys, rows[0][0].values]
        assert shapes[0] is not None and shapes[1] is not None
        self.keys, self.values = (
            shape.new_zeros(len(rows), shape.shape[1], self.length + _FIRST_ROOM, shape.shape[3]) for shape in shapes if shape is not None
        )
        for place, (layer, row, size) in enumerate(rows):
            assert layer.keys is not None and layer.values is not None
            self.keys[place, :, self.length - size : self.length] = layer.keys[row, :, :size]
            self.values[place, :, self.length - size : self.length] = layer.values[row, :, :size]
        self.is_initialized = True

    def join(self, layer: _Layer) -> None:
        """Append the rows of `layer`, aligned on the right."""
        assert self.keys is not None and self.values is not None and layer.keys is not None and layer.values is not None
        self.keys = _stack(self.keys, self.length, layer.keys, layer.length)
        self.values = _stack(self.values, self.length, layer.values, layer.length)
        self.length = max(self.length, layer.length)


class RowCache(Cache):
    """The cache of all layers, for any model that takes `past_key_values`."""

    def __init__(self, layers: int) -> None:
        self.rows = [_Layer() for _ in range(layers)]
        super().__init__(layers=[*self.rows])

    @classmethod
    def of(cls, rows: Sequence[tuple[RowCache, int, int]]) -> RowCache:
        """Return a cache of some rows of others, each given as (cache, its row, the number of its first columns). It has at least one
        column, of zeros."""
        cache = cls(len(rows[0][0].rows))
        for number, layer in enumerate(cache.rows):
            layer.take([(source.rows[number], row, size) for source, row, size in rows])
        return cache

    @property
    def length(self) -> int:
        return self.get_seq_length()

    def keep(self, index_B: Tensor, columns: int) -> None:
        for layer in self.rows:
            layer.keep(index_B, columns)

    def join(self, cache: RowCache) -> None:
        for upper, lower in zip(self.rows, cache.rows, strict=True):
            upper.join(lower)


def _with_room(tensor: Tensor, length: int) -> Tensor:
    """Return a buffer with twice the room (or the first room) and the old content."""
    rows, heads, room, size = tensor.shape
    wider = tensor.new_empty(rows, heads, max(2 * length, room + _FIRST_ROOM), size)
    wider[:, :, :length] = tensor[:, :, :length]
    return wider


def _chosen(buffer: Tensor, index_B: Tensor, first: int, columns: int) -> Tensor:
    rows = buffer.new_empty(len(index_B), buffer.shape[1], columns + _FIRST_ROOM, buffer.shape[3])
    rows[:, :, :columns] = buffer[:, :, first : first + columns].index_select(0, index_B)
    return rows


def _stack(upper: Tensor, upper_length: int, lower: Tensor, lower_length: int) -> Tensor:
    """Stack two buffers, with zeros in the gap on the left: a masked NaN would still spoil the sum in which it is multiplied by 0."""
    length, split = max(upper_length, lower_length), len(upper)
    stack = upper.new_zeros(split + len(lower), upper.shape[1], length + _FIRST_ROOM, upper.shape[3])
    stack[:split, :, length - upper_length : length] = upper[:, :, :upper_length]
    stack[split:, :, length - lower_length : length] = lower[:, :, :lower_length]
    return stack


@dataclass(frozen=True)
class Shapes:
    """The shapes of one token's keys and values, (heads, size) in each layer."""

    keys: tuple[tuple[int, int], ...]
    values: tuple[tuple[int, int], ...]
    dtype: torch.dtype
    device: torch.device

    @property
    def token_bytes(self) -> int:
        """The bytes of one token in all layers."""
        return sum(heads * size for heads, size in (*self.keys, *self.values)) * self.dtype.itemsize


@dataclass(frozen=True)
class CachedRow:
    """A row that enters a store: its number, its row in the cache that it is copied from, and its tokens there."""

    number: int
    place: int
    size: int


class RowStore(Protocol):
    """The keys and values of rows that go on token by token. `order`: the numbers of the rows, in the order in which it holds them."""

    @property
    def order(self) -> list[int]: ...

    def add(self, cache: RowCache | None, rows: Sequence[CachedRow]) -> None:
        """Copy the first tokens of rows of a cache; without one the rows are empty."""

    def fork(self, copies: Mapping[int, Sequence[int]], sizes: Mapping[int, int]) -> None:
        """Add copies of rows under other numbers; `sizes`: the number of tokens of each row."""

    def drop(self, numbers: Set[int]) -> None:
        """Remove rows."""

    def make_room(self, sizes: Mapping[int, int]) -> bool:
        """Make room for one more token in each row; return True if that changed the order."""

    def begin_step(self, size_B: Tensor) -> None:
        """Prepare to add one token to each row of these sizes, in order."""


WIDTHS = tuple(sorted(step << shift for step in (64, 96) for shift in range(20)))  # 64, 96, 128, 192, 256 ...
GROWTH = 1.5  # the growth factor of a bucket's room for rows


def width_for(size: int) -> int:
    """Return the least width with room for so many tokens."""
    return next(width for width in WIDTHS if width >= size)


@dataclass(eq=False)
class Bucket:
    """A buffer of rows of at most `width` tokens. `rows`: the number of the row in each slot; `keys` and `values` [room, heads, width,
    size] by layer. Columns beyond a row's own are read and masked: a masked NaN would still spoil the sum in which it is multiplied by 0,
    so new places are zeros.

    `size_N`: the number of tokens of each row, including the one being added; `_flat`: its write positions, by the number of heads."""

    width: int
    shapes: Shapes
    rows: list[int] = field(default_factory=list)
    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)
    room: int = 0
    size_N: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))
    _flat: dict[int, Tensor] = field(default_factory=dict)
    _masks: dict[int | None, Tensor] = field(default_factory=dict)

    def reserve(self, more: int) -> slice:
        """Return slots for so many more rows, after those in use."""
        first, until = len(self.rows), len(self.rows) + more
        if until > self.room:
            self.room = max(until, int(GROWTH * self.room))
            self.keys = self._with_room(self.keys, self.shapes.keys)
            self.values = self._with_room(self.values, self.shapes.values)
        return slice(first, until)

    def _with_room(self, old: Sequence[Tensor], shapes: Sequence[tuple[int, int]]) -> list[Tensor]:
        new = [
            torch.zeros(self.room, heads, self.width, size, dtype=self.shapes.dtype, device=self.shapes.device) for heads, size in shapes
        ]
        for states, before in zip(new, old, strict=False):
            states[: len(self.rows)] = before[: len(self.rows)]
        return new

    def drop(self, slots: Sequence[int]) -> None:
        """Remove rows; the last ones take their slots."""
        leavers = set(slots)
        count = len(self.rows) - len(leavers)
        holes = sorted(slot for slot in leavers if slot < count)
        movers = [slot for slot in range(count, len(self.rows)) if slot not in leavers]
        if holes:
            to, source = (torch.tensor(places, device=self.shapes.device) for places in (holes, movers))
            for states in (*self.keys, *self.values):
                states[to] = states[source]
        for hole, mover in zip(holes, movers, strict=True):
            self.rows[hole] = self.rows[mover]
        del self.rows[count:]
        if not self.rows:
            self.keys, self.values, self.room = [], [], 0

    def begin_step(self, size_N: Tensor) -> None:
        """Prepare to add one token to each row of these sizes."""
        self.size_N = size_N + 1
        self._flat, self._masks = {}, {}

    def write(self, layer: int, key_NHD: Tensor, value_NHD: Tensor) -> None:
        """Write the new token's keys and values."""
        for states, new_NHD in ((self.keys[layer], key_NHD), (self.values[layer], value_NHD)):
            heads, size = new_NHD.shape[1:]
            if heads not in self._flat:
                slots_N1 = torch.arange(len(self.rows), device=new_NHD.device)[:, None]
                rows_NH = slots_N1 * heads + torch.arange(heads, device=new_NHD.device)
                self._flat[heads] = (rows_NH * self.width + (self.size_N - 1)[:, None]).flatten()
            states.view(-1, size).index_copy_(0, self._flat[heads], new_NHD.reshape(-1, size))

    def mask(self, window: int | None) -> Tensor:
        """Return [rows, 1, 1, width], to be added to scores: 0 for a row's own columns, or with a `window` for its last tokens only;
        elsewhere -inf."""
        if window not in self._masks:
            column_W = torch.arange(self.width, device=self.size_N.device)
            hidden_NW = column_W >= self.size_N[:, None]
            if window is not None:
                hidden_NW |= column_W < self.size_N[:, None] - window
            zero_NW = torch.zeros(hidden_NW.shape, dtype=self.shapes.dtype, device=hidden_NW.device)
            self._masks[window] = zero_NW.masked_fill_(hidden_NW, float("-inf"))[:, None, None]
        return self._masks[window]


class Buckets:
    """Rows in buckets. It implements `RowStore`."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._buckets: dict[int, Bucket] = {}

    @property
    def order(self) -> list[int]:
        """See the protocol."""
        return [number for _, _, bucket in self.spans for number in bucket.rows]

    @property
    def spans(self) -> list[tuple[int, int, Bucket]]:
        """The buckets that hold rows, with the places of their first row and of the one after their last."""
        buckets = [bucket for _, bucket in sorted(self._buckets.items()) if bucket.rows]
        ends = [0, *accumulate(len(bucket.rows) for bucket in buckets)]
        return list(zip(ends, ends[1:], buckets, strict=False))

    def add(self, cache: RowCache | None, rows: Sequence[CachedRow]) -> None:
        """See the protocol."""
        by_width: dict[int, list[CachedRow]] = {}
        for row in rows:
            by_width.setdefault(width_for(row.size + 1), []).append(row)
        for width, alike in by_width.items():
            bucket = self._bucket(width)
            slots = bucket.reserve(len(alike))
            if cache is not None:
                _copy(cache, [row.place for row in alike], bucket, slots)
            bucket.rows += [row.number for row in alike]

    def fork(self, copies: Mapping[int, Sequence[int]], sizes: Mapping[int, int]) -> None:
        """See the protocol."""
        for bucket in self._buckets.values():
            slots = [(slot, copy) for slot, number in enumerate(bucket.rows) for copy in copies.get(number, ())]
            if slots:
                place = bucket.reserve(len(slots))
                index = torch.tensor([slot for slot, _ in slots], device=self._shapes.device)
                for states_NHWD in (*bucket.keys, *bucket.values):
                    states_NHWD[place] = states_NHWD[index]
                bucket.rows += [copy for _, copy in slots]

    def drop(self, numbers: Set[int]) -> None:
        """See the protocol."""
        for bucket in self._buckets.values():
            if slots := [slot for slot, number in enumerate(bucket.rows) if number in numbers]:
                bucket.drop(slots)

    def make_room(self, sizes: Mapping[int, int]) -> bool:
        """See the protocol: rows without room move into the next wider bucket."""
        moved = False
        for width in sorted(self._buckets):
            bucket = self._buckets[width]
            if slots := [slot for slot, number in enumerate(bucket.rows) if sizes[number] >= width]:
                wider = self._bucket(width_for(width + 1))
                place = wider.reserve(len(slots))
                index = torch.tensor(slots, device=self._shapes.device)
                for old, new in zip((*bucket.keys, *bucket.values), (*wider.keys, *wider.values), strict=True):
                    new[place, :, :width] = old[index]
                wider.rows += [bucket.rows[slot] for slot in slots]
                bucket.drop(slots)
                moved = True
        return moved

    def begin_step(self, size_B: Tensor) -> None:
        """See the protocol."""
        for first, until, bucket in self.spans:
            bucket.begin_step(size_B[first:until])

    def _bucket(self, width: int) -> Bucket:
        return self._buckets.setdefault(width, Bucket(width, self._shapes))


def _copy(cache: RowCache, rows: Sequence[int], bucket: Bucket, slots: slice) -> None:
    """Copy the first columns of read rows into a bucket; columns beyond a row's own are masked, or overwritten later."""
    index = torch.tensor(list(rows), device=bucket.shapes.device)
    width = min(cache.length, bucket.width)
    for layer, keys, values in zip(cache.rows, bucket.keys, bucket.values, strict=True):
        assert layer.keys is not None and layer.values is not None
        keys[slots, :, :width] = layer.keys[:, :, :width].index_select(0, index)
        values[slots, :, :width] = layer.values[:, :, :width].index_select(0, index)
