"""One more token for every row of a batch: the seam between what is sampled and how a model is computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from aha.backends.prefixes import PrefixPass, Tokens


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
