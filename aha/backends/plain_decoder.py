"""Decoding as Hugging Face's models do it by themselves: their own cache interface, masks and attention. What is faster is held to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from aha.backends.cache import RowCache
from aha.backends.checkpoint.config import context_of
from aha.backends.decoder import Entry
from aha.backends.prefixes import PrefixPass, Tokens


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
