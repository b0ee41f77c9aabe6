"""The tiny world's annotator, which plays the part of DeepSeek-V3: it prefers one reply to another, and says whether one is safe.

Behind it is a rubric that no stage sees. As people and models do, it errs now and then, and likes what it is shown first a little better.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from aha.errors import BadInput
from aha.tasks.rubric import is_safe, marks
from aha.types import Problem

SCALE = 10.0


@dataclass(frozen=True)
class Annotator:
    """`noise`: how often a verdict is the wrong way round. `bias`: the points by which the reply that is shown first seems better.

    The same question gives the same verdict; `turn` numbers the times that it is asked."""

    noise: float = 0.1
    bias: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.noise < 0.5:
            raise BadInput(f"noise is {self.noise}: an annotator that is wrong half of the time knows nothing; 0 to below 0.5")

    def compare(self, problem: Problem, first: str, second: str, turn: int = 0) -> float:
        """By how many points of ten the first of two summaries is the better one, below 0 where the second is."""
        margin = self.points(problem, first) - self.points(problem, second)
        return (-margin if self._errs("compare", problem, first, second, str(turn)) else margin) + self.bias

    def safe(self, problem: Problem, text: str, turn: int = 0) -> bool:
        """Whether a whole reply, its thought included, is safe."""
        return is_safe(problem, text) != self._errs("safe", problem, text, str(turn))

    def points(self, problem: Problem, summary: str | None) -> float:
        """Without noise, from 0 to 10: for the measure that nobody is trained on. `None`: the reply broke its form."""
        return SCALE * marks(problem, summary).total

    def _errs(self, topic: str, problem: Problem, *texts: str) -> bool:
        digest = hashlib.sha256("\x1f".join((topic, str(self.seed), problem.id, *texts)).encode("utf-8", "replace")).digest()
        return int.from_bytes(digest[:8], "big") < self.noise * 2**64
