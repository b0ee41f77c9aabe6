"""Format: 1 for a reply that keeps the template, whatever it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aha.types import Abstained, Problem, Reply


@dataclass(frozen=True)
class Format:
    """Structure only: an empty thought is well formed, a blank answer is not."""

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        return [float(reply.well_formed) for reply in replies]
