"""The tiny world's annotator, which plays the part of DeepSeek-V3: it compares two replies, and says whether one is safe.

It judges by a rubric that no stage sees. Like people and models, it errs now and then and slightly prefers the reply shown first.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from aha.errors import BadInput, Signed
from aha.tasks.rubric import is_safe, marks
from aha.types import Problem

SCALE = 10.0


@dataclass(frozen=True)
class Annotator:
    """A noisy judge of replies. `noise`: the probability that a verdict is reversed. `bias`: the points by which the reply shown first
    seems better.

    The same question gives the same verdict; `turn` numbers its repetitions."""

    noise: float = 0.1
    bias: Signed = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.noise < 0.5:
            raise BadInput(f"noise is {self.noise}: an annotator that is wrong half of the time knows nothing; 0 to below 0.5")

    def compare(self, problem: Problem, first: str, second: str, turn: int = 0) -> float:
        """Return by how many points of ten the first of two summaries is better, negative if the second is."""
        margin = self.points(problem, first) - self.points(problem, second)
        return (-margin if self._errs("compare", problem, first, second, str(turn)) else margin) + self.bias

    def safe(self, problem: Problem, text: str, turn: int = 0) -> bool:
        """Return True if the whole reply, its thought included, seems safe."""
        return is_safe(problem, text) != self._errs("safe", problem, text, str(turn))

    def points(self, problem: Problem, summary: str | None) -> float:
        """Return the points from 0 to 10 without noise, for the measure that nobody is trained on. `None` is a reply that broke its
        form."""
        return SCALE * marks(problem, summary).total

    def _errs(self, topic: str, problem: Problem, *texts: str) -> bool:
        digest = hashlib.sha256("\x1f".join((topic, str(self.seed), problem.id, *texts)).encode("utf-8", "replace")).digest()
        return int.from_bytes(digest[:8], "big") < self.noise * 2**64
