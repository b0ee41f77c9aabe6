"""Language consistency: the share of the thought's words that are in the language of the question (paper §2.3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aha.text import language_share
from aha.types import Abstained, Problem, Reply


@dataclass(frozen=True)
class LanguageConsistency:
    """From 0 to 1; sees the thought only, as in the paper, or the summary only. What has no words has none that are foreign; a reply that
    broke the template has neither part that could be read, and earns nothing, or breaking it would hide what it was written in."""

    of: Literal["thought", "summary"] = "thought"

    def __call__(self, problem: Problem, replies: Sequence[Reply]) -> list[float | Abstained]:
        parts = [reply.thought if self.of == "thought" else reply.answer for reply in replies]
        return [0.0 if part is None else language_share(part, problem.language) for part in parts]
