"""One more token for every row of a batch: the seam between what is sampled and how a model is computed.

Prompts read by a model's own attention, several side by side and filled up on the right, for whoever goes on from them.

Decoding as Hugging Face's models do it by themselves: their own cache interface, masks and attention. What is faster is held to it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from aha.backends.cache import RowCache
from aha.backends.checkpoint.config import context_of

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


@dataclass(frozen=True)
class Entry:
    """A row that enters: `size` tokens that were read, as prefix number `place` of a reading."""

    prefix_pass: PrefixPass
    place: int
    size: int


class Decoder(Protocol):
    """The keys and values of a batch's rows, in the order of the batch."""

    def read(self, prefixes: Sequence[Tokens], step: int | None) -> PrefixPass:
        """Begin to read prefixes."""

    def enter(self, entries: Sequence[Entry]) -> None:
        """Put rows behind those of the batch."""

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order."""

    def logits(self, token_B: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Each row takes its next token; the logits of the one after it, for some rows at a time [rows, vocabulary]."""


def body_of(model: PreTrainedModel) -> Any:
    """The model up to its head; the whole of it where it has no such part."""
    return model.get_decoder() or model


class PlainDecoder:
    """All rows in one buffer, aligned on the right, as wide as the longest of them."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model: Any = model
        self._body = body_of(model)
        self._layers = model.config.get_text_config().num_hidden_layers
        self._last_position = (context_of(model.config) or sys.maxsize) - 1
        self._cache = RowCache(self._layers)
        self._size_B = torch.zeros(0, dtype=torch.long, device=model.device)

    def read(self, prefixes: Sequence[Tokens], step: int | None) -> PrefixPass:
        return PrefixPass.of(self._body, self._layers, prefixes, step)

    @torch.inference_mode()
    def enter(self, entries: Sequence[Entry]) -> None:
        if not (states := [entry.prefix_pass.states(entry.place) for entry in entries]) or not any(states):
            states = [self._empty_state()] * len(entries)
        empty = next(state for state in states if state is not None)
        rows = [(*(state or empty), entry.size) for state, entry in zip(states, entries, strict=True)]
        entrants = RowCache.of(rows)
        if len(self._size_B):
            self._cache.join(entrants)
        else:
            self._cache = entrants
        sizes = torch.tensor([entry.size for entry in entries], device=self._size_B.device)
        self._size_B = torch.cat([self._size_B, sizes])

    @torch.inference_mode()
    def keep(self, rows: Sequence[int]) -> None:
        index_B = torch.tensor(list(rows), dtype=torch.long, device=self._size_B.device)
        self._size_B = self._size_B[index_B]
        if len(rows):
            self._cache.keep(index_B, max(1, int(self._size_B.max())))

    @torch.inference_mode()
    def logits(self, token_B: Tensor) -> Iterator[tuple[slice, Tensor]]:
        end = self._cache.length + 1
        self._size_B = self._size_B + 1
        mask_BT = (torch.arange(end, device=token_B.device) >= end - self._size_B[:, None]).long()
        # A row that ended between two looks runs on for a few steps; where positions are learned there may be none for it.
        position_B1 = (self._size_B[:, None] - 1).clamp_(max=self._last_position)
        out = self.model(
            input_ids=token_B[:, None],
            attention_mask=mask_BT,
            position_ids=position_B1,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        yield slice(0, len(token_B)), out.logits[:, -1]

    def _empty_state(self) -> tuple[RowCache, int]:
        """A cache of the model's shapes, for rows that have read nothing yet."""
        prefix_pass = self.read([(0,)], None)
        prefix_pass.go_on()
        state = prefix_pass.states(0)
        assert state is not None
        return state
