"""Keys and values in pages, for compiled steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from aha.backends.cache import CachedRow, RowCache, Shapes

if TYPE_CHECKING:
    from aha.backends.native import NativeSteps

PAGE = 16  # tokens of a page, as in the source of the steps
SLAB = 64  # the least number of pages whose memory is taken at once


class Pages:
    """Rows as lists of pages, each of 16 tokens of all layers. It implements `cache.RowStore`. Rows that were one share the full pages of
    that time; a page that is not full belongs to one row, since the next token is written into it.

    In a page lie, layer by layer and head by head, the keys [size, 16] and then the values [16, size]. `table_BP` holds the addresses of
    each row's pages, in the order of the rows; `size_B` the number of tokens of each row, with the one being added."""

    def __init__(self, steps: NativeSteps, shapes: Shapes) -> None:
        self._steps = steps
        self.heads, self.size = shapes.keys[0]
        self.layer_numbers = 2 * self.heads * self.size * PAGE
        self._page_numbers = self.layer_numbers * len(shapes.keys)
        self._pages: list[Tensor] = []
        self._uses: list[int] = []  # the number of rows that hold each page
        self._free: list[int] = []
        self._rows: dict[int, list[int]] = {}  # the pages of each row
        self.table_BP = torch.zeros(0, 1, dtype=torch.long)
        self.size_B = torch.zeros(0, dtype=torch.long)

    @property
    def order(self) -> list[int]:
        """See the protocol."""
        return list(self._rows)

    def add(self, cache: RowCache | None, rows: Sequence[CachedRow]) -> None:
        """See the protocol."""
        before = len(self._rows)
        self._append({row.number: self._take(-(-row.size // PAGE)) for row in rows})
        if cache is None:
            return
        places_N, sizes_N = torch.tensor([row.place for row in rows]), torch.tensor([row.size for row in rows])
        table_NP = self.table_BP[before:]
        for number, layer in enumerate(cache.rows):
            keys, values = layer.keys, layer.values
            assert keys is not None and values is not None and keys.stride() == values.stride() and keys.stride(-1) == 1
            sizes = *table_NP.shape, number * self.layer_numbers, self.heads, self.size
            self._steps.call("aha_fill_pages", keys, values, *keys.stride()[:3], places_N, sizes_N, table_NP, *sizes)

    def fork(self, copies: Mapping[int, Sequence[int]], sizes: Mapping[int, int]) -> None:
        """See the protocol."""
        new: dict[int, list[int]] = {}
        for number, others in copies.items():
            full = sizes[number] // PAGE
            shared, rest = self._rows[number][:full], self._rows[number][full:]
            for other in others:
                own = self._take(len(rest))
                for page, source in zip(own, rest, strict=True):
                    self._pages[page].copy_(self._pages[source])
                for page in shared:
                    self._uses[page] += 1
                new[other] = [*shared, *own]
        self._append(new)

    def drop(self, numbers: Set[int]) -> None:
        """See the protocol."""
        stay = [place for place, number in enumerate(self._rows) if number not in numbers]
        for number in numbers:
            for page in self._rows.pop(number):
                self._uses[page] -= 1
                if not self._uses[page]:
                    self._free.append(page)
        self.table_BP = self.table_BP[stay]

    def make_room(self, sizes: Mapping[int, int]) -> bool:
        """See the protocol."""
        rows = [(place, number) for place, number in enumerate(self._rows) if sizes[number] == len(self._rows[number]) * PAGE]
        if rows:
            new = self._take(len(rows))
            places = [len(self._rows[number]) for _, number in rows]
            self._widen(max(places) + 1)
            for (_, number), page in zip(rows, new, strict=True):
                self._rows[number].append(page)
            addresses = torch.tensor([self._pages[page].data_ptr() for page in new])
            self.table_BP[torch.tensor([place for place, _ in rows]), torch.tensor(places)] = addresses
        return False

    def begin_step(self, size_B: Tensor) -> None:
        """See the protocol."""
        self.size_B = size_B + 1

    def _append(self, rows: Mapping[int, list[int]]) -> None:
        """Add rows with their pages."""
        self._rows |= rows
        self._widen(max(map(len, rows.values()), default=0))
        width = self.table_BP.shape[1]
        addresses = [[*(self._pages[page].data_ptr() for page in pages), *[0] * (width - len(pages))] for pages in rows.values()]
        self.table_BP = torch.cat([self.table_BP, torch.tensor(addresses, dtype=torch.long).view(-1, width)])

    def _widen(self, width: int) -> None:
        if width > self.table_BP.shape[1]:
            self.table_BP = F.pad(self.table_BP, (0, width + SLAB // PAGE - self.table_BP.shape[1]))

    def _take(self, count: int) -> list[int]:
        """Return free pages, each for one row."""
        if count > len(self._free):
            first = len(self._pages)
            more = max(count, SLAB, first // 4)
            self._pages += torch.empty(more, self._page_numbers).unbind()
            self._uses += [0] * more
            self._free += reversed(range(first, first + more))
        pages = [self._free.pop() for _ in range(count)]
        for page in pages:
            self._uses[page] = 1
        return pages
