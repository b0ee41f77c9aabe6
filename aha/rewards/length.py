"""DAPO's soft overlong punishment: nothing up to a length, then a linear slope down to -1 at the limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aha.errors import BadInput
from aha.types import Abstained, Problem, Reply


@dataclass(frozen=True)
class SoftOverlong:
    """0 up to `max_tokens - buffer`, (max_tokens - buffer - length) / buffer inside the band, -1 from `max_tokens` on."""

    max_tokens: int
    buffer: int

    def __post_init__(self) -> None:
        if not 0 < self.buffer <= self.max_tokens:
            raise BadInput(f"overlong buffer is {self.buffer} of {self.max_tokens} tokens: it has to be from 1 to max_tokens")

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        free = self.max_tokens - self.buffer
        return [max(-1.0, min(0.0, (free - reply.tokens) / self.buffer)) for reply in replies]
