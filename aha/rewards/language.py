"""Language consistency: the share of the thought's words that are in the language of the question (paper §2.3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aha.text import language_share
from aha.types import Abstained, Problem, Reply


@dataclass(frozen=True)
class LanguageConsistency:
    """From 0 to 1; sees the thought only. A thought without words has none that are foreign; a reply that broke the template has no thought
    that could be read, and earns nothing, or breaking it would hide what it was written in."""

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        return [0.0 if reply.thought is None else language_share(reply.thought, problem.language) for reply in replies]
