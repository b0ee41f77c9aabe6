"""Prompts read by a model's own attention, several side by side and filled up on the right, for whoever goes on from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from aha.backends.cache import RowCache

TOGETHER = 8_192  # tokens in one pass, filling included: what the passes of a reading hold in memory
MULTIPLE = 4  # of tokens in a row: products of fewer rows are rounded otherwise than those of many

Tokens = tuple[int, ...]


@dataclass
class _Pass:
    """Prefixes of like length. A token sees those before it alone, so what fills up a row on the right is seen by none of its tokens."""

    tokens_UP: Tensor
    cache: RowCache
    read: int = 0


@dataclass
class PrefixPass:
    """Prefixes that are read in passes of about `step` columns times rows; None: each pass at once. An empty one takes no reading."""

    body: Any
    layers: int
    step: int | None
    passes: list[_Pass] = field(default_factory=list)
    places: list[tuple[_Pass, int] | None] = field(default_factory=list)

    @classmethod
    def of(cls, body: Any, layers: int, prefixes: Sequence[Tokens], step: int | None) -> PrefixPass:
        """Prefixes of like length go together; `body` is the model up to its head."""
        prefix_pass = cls(body, layers, step, places=[None] * len(prefixes))
        device = next(body.parameters()).device
        for numbers in _alike(prefixes):
            width = -(-max(len(prefixes[number]) for number in numbers) // MULTIPLE) * MULTIPLE
            rows = [[*prefixes[number], *[0] * (width - len(prefixes[number]))] for number in numbers]
            pass_ = _Pass(torch.tensor(rows, device=device), RowCache(layers))
            prefix_pass.passes.append(pass_)
            for row, number in enumerate(numbers):
                prefix_pass.places[number] = (pass_, row)
        return prefix_pass

    @torch.inference_mode()
    def go_on(self) -> bool:
        """Read some more; whether all of it has been read."""
        pass_ = next((candidate for candidate in self.passes if candidate.read < candidate.tokens_UP.shape[1]), None)
        if pass_ is None:
            return True
        rows, width = pass_.tokens_UP.shape
        until = width if self.step is None else min(width, pass_.read + max(MULTIPLE, self.step // rows))
        places = torch.arange(pass_.read, until, device=pass_.tokens_UP.device)[None].expand(rows, -1)
        self.body(input_ids=pass_.tokens_UP[:, pass_.read : until], position_ids=places, past_key_values=pass_.cache, use_cache=True)
        pass_.read = until
        return pass_ is self.passes[-1] and until == width

    def states(self, place: int) -> tuple[RowCache, int] | None:
        """The cache in which a prefix lies, from column 0 on, and its row there; None for an empty one."""
        place_of_row = self.places[place]
        return None if place_of_row is None else (place_of_row[0].cache, place_of_row[1])


def _alike(prefixes: Sequence[Tokens]) -> list[list[int]]:
    """Numbers of the prefixes that are not empty, in groups by length, each of at most TOGETHER tokens with what fills it up."""
    groups: list[list[int]] = []
    for number in sorted((number for number, prefix in enumerate(prefixes) if prefix), key=lambda number: -len(prefixes[number])):
        if groups and (len(groups[-1]) + 1) * len(prefixes[groups[-1][0]]) <= TOGETHER:
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups
