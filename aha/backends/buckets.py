"""Keys and values of a batch whose rows differ in length: each row lies among others about as long as it, so a long one makes none long.

A bucket is a buffer of rows of one width. A row's tokens fill it from the left, and a row that is full moves on into the next wider one,
so that over its life it is copied about three times. Attention reads a bucket's whole width, also what is not filled yet: memory that is
read without a gap comes two to four times as fast, and a mask takes out what is not a row's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

WIDTHS = tuple(sorted(step << shift for step in (64, 96) for shift in range(20)))  # 64, 96, 128, 192, 256 ...
GROWTH = 1.5  # of a bucket's room for rows


def width_for(size: int) -> int:
    """The least width that has room for so many tokens."""
    return next(width for width in WIDTHS if width >= size)


@dataclass(frozen=True)
class Shapes:
    """Of one token's keys and values, (heads, size) in each layer."""

    keys: tuple[tuple[int, int], ...]
    values: tuple[tuple[int, int], ...]
    dtype: torch.dtype
    device: torch.device

    @property
    def token_bytes(self) -> int:
        """Of one token in all layers."""
        return sum(heads * size for heads, size in (*self.keys, *self.values)) * self.dtype.itemsize


@dataclass(eq=False)
class Bucket:
    """Rows of at most `width` tokens. `rows`: the number of the row in each slot; `keys` and `values` [room, heads, width, size] by layer.

    `size_N`: how many tokens each row has, with the one that is being taken; `flat`: where this one is written, by the number of heads."""

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
        """Slots for so many more rows, behind those in use."""
        first, until = len(self.rows), len(self.rows) + more
        if until > self.room:
            self.room = max(until, int(GROWTH * self.room))
            self.keys = self._with_room(self.keys, self.shapes.keys)
            self.values = self._with_room(self.values, self.shapes.values)
        return slice(first, until)

    def _with_room(self, old: Sequence[Tensor], shapes: Sequence[tuple[int, int]]) -> list[Tensor]:
        """Zeros where nothing was written yet: a masked value that is no number would still spoil the sum it is multiplied into with 0."""
        new = [
            torch.zeros(self.room, heads, self.width, size, dtype=self.shapes.dtype, device=self.shapes.device) for heads, size in shapes
        ]
        for states, before in zip(new, old, strict=False):
            states[: len(self.rows)] = before[: len(self.rows)]
        return new

    def drop(self, slots: Sequence[int]) -> None:
        """Rows leave; the last ones take their slots."""
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
        """Rows of these sizes take one more token each."""
        self.size_N = size_N + 1
        self._flat, self._masks = {}, {}

    def write(self, layer: int, key_NHD: Tensor, value_NHD: Tensor) -> None:
        """The new token's keys and values."""
        for states, new_NHD in ((self.keys[layer], key_NHD), (self.values[layer], value_NHD)):
            heads, size = new_NHD.shape[1:]
            if heads not in self._flat:
                slots_N1 = torch.arange(len(self.rows), device=new_NHD.device)[:, None]
                rows_NH = slots_N1 * heads + torch.arange(heads, device=new_NHD.device)
                self._flat[heads] = (rows_NH * self.width + (self.size_N - 1)[:, None]).flatten()
            states.view(-1, size).index_copy_(0, self._flat[heads], new_NHD.reshape(-1, size))

    def mask(self, window: int | None) -> Tensor:
        """[rows, 1, 1, width], to be added to scores: 0 where a column belongs to the row, and to the last `window` of its tokens where
        there is one; elsewhere -inf."""
        if window not in self._masks:
            column_W = torch.arange(self.width, device=self.size_N.device)
            hidden_NW = column_W >= self.size_N[:, None]
            if window is not None:
                hidden_NW |= column_W < self.size_N[:, None] - window
            zero_NW = torch.zeros(hidden_NW.shape, dtype=self.shapes.dtype, device=hidden_NW.device)
            self._masks[window] = zero_NW.masked_fill_(hidden_NW, float("-inf"))[:, None, None]
        return self._masks[window]
